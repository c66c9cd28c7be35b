"""Broken rules for requests: repeats, withdrawals in points, tokens and unknown fields."""

import json
from importlib import import_module
from typing import Any
from uuid import uuid4

from tests.acceptance.swap import Rule, broken
from wallet_runtime.contract.money import POINTS_CURRENCY
from wallet_runtime.plumbing.runtime.settings import Settings

_seen: set[str] = set()


@broken(
    "repeat is a new bet", "wallet_runtime.plumbing.http.service_client", "ServiceClient.forward"
)
def a_repeat_reaches_the_wallet_as_a_new_bet(
    forward: Rule,
    client: Any,
    call: Any,
    process: str,
    method: str,
    path: str,
    body: Any = None,
    **more: Any,
) -> Any:
    """A provider's repeated request is forwarded as a new bet with a new request id."""
    if path.endswith("/authorize") and call.request_id in _seen:
        other = {**body, "bet_id": str(uuid4())}
        return forward(client, call, process, method, path, other, request_id=str(uuid4()))
    _seen.add(call.request_id)
    return forward(client, call, process, method, path, body, **more)


@broken("points withdrawn as money", "wallet_runtime.player.api", "_move")
def points_are_withdrawn_as_money(
    move: Rule, context: Any, call: Any, path: str, amount: str, currency: str, further: Any
) -> Any:
    """A withdrawal in points is treated as a withdrawal in EUR."""
    taken_for = "EUR" if currency == POINTS_CURRENCY else currency
    return move(context, call, path, amount, taken_for, further)


@broken("any token will do", "wallet_runtime.plumbing.http.auth", "internal")
def any_token_will_do(internal: Rule, settings: Settings, attempt: Any) -> Any:
    """Internal routes accept any token, as if all services shared one."""
    auth = import_module("wallet_runtime.plumbing.http.auth")
    if not attempt.headers.get("X-Internal-Service-Token"):
        raise auth.Unauthorized
    return auth.Identity(attempt.headers.get("X-Caller-Service"))


@broken("callbacks may say more", "wallet_runtime.plumbing.http.body", "parse")
def fields_that_nobody_knows_are_dropped(
    parse: Rule, raw: bytes, content_type: Any, shape: Any
) -> Any:
    """Unknown fields of a body are dropped instead of refused."""
    known: tuple[str, ...] = getattr(shape, "__struct_fields__", ())
    said = json.loads(raw) if known else None
    if said:
        raw = json.dumps({name: said[name] for name in said if name in known}).encode()
    return parse(raw, content_type, shape)
