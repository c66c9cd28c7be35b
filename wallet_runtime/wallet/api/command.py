"""Steps that every route of money shares: name the request, perform, translate the answer."""

from collections.abc import Callable
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid5

import msgspec

from wallet_runtime.contract.freeze import INGRESS, SEALED
from wallet_runtime.plumbing.errors import ApiError, Invalid, Maintenance
from wallet_runtime.plumbing.http.app import Answer, Call
from wallet_runtime.plumbing.http.envelope import error_body
from wallet_runtime.plumbing.runtime.context import Context
from wallet_runtime.wallet.domain.decision import Decision
from wallet_runtime.wallet.domain.reads import Reads
from wallet_runtime.wallet.domain.state import ActivePair, Request, State
from wallet_runtime.wallet.store.batch import BatchItem, Result
from wallet_runtime.wallet.store.money import money_of

# Transaction ids derive from the request, never from the try: a retry after a crash cannot mint a
# second one.
TRANSACTIONS = UUID("6e0f6a4e-3f0b-5a0a-9d7e-5a6f1f0c7b11")
PREFIX = "/internal/wallet/v2"
FROZEN_RETRY_SECONDS = 5
Rule = Callable[[Request, Any, State, ActivePair], Decision]


class CurrencyMismatch(Invalid):
    """A player has one currency, and this is another one."""

    code = "CURRENCY_MISMATCH"


def perform(
    context: Context,
    call: Call,
    player_id: UUID,
    command: msgspec.Struct,
    rule: Rule,
    reads: Reads,
    currency: str = "",
) -> Answer:
    """Perform one command.

    The fingerprint is over the typed command, so that "10", "10.0" and "10.00" are one payload.
    """
    call.command_id()
    request = name_request(call, player_id, command)

    def decide(state: State, pair: ActivePair) -> Decision:
        if currency and state.player is not None and state.player.currency != currency:
            raise CurrencyMismatch(
                f"the player's wallet is in {state.player.currency}, not in {currency}"
            )
        decision = rule(request, command, state, pair)
        confirm_not_frozen(context, request, decision)
        return decision

    status, told = money_of(context.database).perform(request, reads, decide)
    if status >= 400:
        return Answer(status, {**told, "request_id": call.request_id})
    return Answer(status, told)


def batch_item(
    context: Context, request: Request, command: msgspec.Struct, rule: Rule, reads: Reads
) -> BatchItem:
    """Make a command of a batch."""

    def decide(state: State, pair: ActivePair) -> Decision:
        decision = rule(request, command, state, pair)
        confirm_not_frozen(context, request, decision)
        return decision

    return BatchItem(request, reads, decide)


def confirm_not_frozen(context: Context, request: Request, decision: Decision) -> None:
    """Refuse (503 MAINTENANCE) what the level that this copy acknowledged forbids.

    The fence row decides in the database. This comes first, so that a freeze works at once also
    where a lock keeps the fence row from being written. A canary pass is for the database to judge.
    """
    level = context.control.freeze.level
    stopped = level == SEALED or (level == INGRESS and decision.starts_new)
    if stopped and request.canary_token is None:
        raise Maintenance(details={"freeze_level": level}, retry_after=FROZEN_RETRY_SECONDS)


def batch_result(request_id: str, result: Result) -> dict[str, Any]:
    """Tell one result of a batch: request id, status and body, as the command alone answers."""
    if isinstance(result, ApiError):
        body = msgspec.Raw(error_body(result, request_id))
        return {"request_id": request_id, "status": result.status, "body": body}
    status, answer = result
    return {
        "request_id": request_id,
        "status": status,
        "body": answer if status < 400 else {**answer, "request_id": request_id},
    }


def name_request(call: Call, player_id: UUID, command: msgspec.Struct | None) -> Request:
    """Name who asks for what under which id.

    The transaction id derives from brand, caller, route and request id.
    """
    brand, route = call.brand(), call.route
    payload = msgspec.json.encode([player_id, command], order="deterministic")
    transaction_id = uuid5(TRANSACTIONS, f"{brand}|{call.caller}|{route}|{call.request_id}")
    fingerprint, passes = sha256(payload).hexdigest(), (call.canary_token, call.fence_token)
    return Request(
        brand, player_id, call.caller, route, call.request_id, fingerprint, transaction_id, *passes
    )
