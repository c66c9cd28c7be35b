"""The steps of every money route: build the request, perform the command, build the answer."""

from collections.abc import Callable
from hashlib import sha256
from typing import Any, Protocol
from uuid import UUID, uuid5

import msgspec

from wallet_runtime.contract.freeze import INGRESS, SEALED
from wallet_runtime.contract.providers import PROVIDER_TYPES
from wallet_runtime.plumbing.errors import ApiError, Invalid, Maintenance
from wallet_runtime.plumbing.http.app import Answer, Call
from wallet_runtime.plumbing.http.envelope import error_body
from wallet_runtime.plumbing.money import parse_amount
from wallet_runtime.plumbing.runtime.context import Context
from wallet_runtime.wallet.domain.decision import Decision
from wallet_runtime.wallet.domain.reads import Reads
from wallet_runtime.wallet.domain.state import ActivePair, Request, State
from wallet_runtime.wallet.store.batch import BatchItem, Result
from wallet_runtime.wallet.store.money import Decide, money_of

# The namespace of transaction ids. Each id derives from its request, so a retry after a crash gets
# the same id.
TRANSACTIONS = UUID("6e0f6a4e-3f0b-5a0a-9d7e-5a6f1f0c7b11")
PREFIX = "/internal/wallet/v2"
FROZEN_RETRY_SECONDS = 5
PLAYER_ALONE = Reads()
Rule = Callable[[Request, Any, State, ActivePair], Decision]


class CurrencyMismatch(Invalid):
    """A player has one currency, and this is another one."""

    code = "CURRENCY_MISMATCH"


def perform(
    context: Context,
    call: Call,
    command: msgspec.Struct,
    rule: Rule,
    reads: Reads = PLAYER_ALONE,
    player_id: UUID | None = None,
) -> Answer:
    """Perform one command and return its answer. Without `player_id` the body names the player.

    The fingerprint covers the decoded command, so that "10", "10.0" and "10.00" are one payload.
    """
    call.command_id()
    request = name_request(call, player_id or call.body.player_id, command)
    decide = decided_by(context, request, command, rule)
    status, answer = money_of(context.database).perform(request, reads, decide)
    if status >= 400:
        answer = {**answer, "request_id": call.request_id}
    return Answer(status, answer)


def batch_item(
    context: Context, request: Request, command: msgspec.Struct, rule: Rule, reads: Reads
) -> BatchItem:
    """Wrap a command and its rule as one item of a batch."""
    return BatchItem(request, reads, decided_by(context, request, command, rule))


def decided_by(context: Context, request: Request, command: msgspec.Struct, rule: Rule) -> Decide:
    """Bind a rule to its request and command, and check its decision against the freeze."""

    def decide(state: State, pair: ActivePair) -> Decision:
        confirm_currency(command, state)
        decision = rule(request, command, state, pair)
        confirm_not_frozen(context, request, decision)
        return decision

    return decide


def confirm_currency(command: msgspec.Struct, state: State) -> None:
    """Raise `CurrencyMismatch` (422) if the command names another currency than the player's."""
    named = getattr(command, "currency", None)
    if named is None or state.player is None or state.player.currency == named:
        return
    raise CurrencyMismatch(f"the player's wallet is in {state.player.currency}, not in {named}")


def confirm_provider_type(text: str) -> None:
    """Raise `Invalid` (422) unless the text is a provider type."""
    if text not in PROVIDER_TYPES:
        known = ", ".join(PROVIDER_TYPES)
        raise Invalid(f"provider_type must be one of {known}, found {text[:40]!r}")


class WithAmount(Protocol):
    """A body with an amount of money, in major units."""

    amount: str
    currency: str


def amount_of(body: WithAmount) -> int:
    """Return the amount of a body in minor units."""
    return parse_amount(body.amount, body.currency)


def confirm_not_frozen(context: Context, request: Request, decision: Decision) -> None:
    """Refuse (503 MAINTENANCE) a decision that this copy's acknowledged freeze level forbids.

    The database compares with the fence row, too, and has the last word. This early check makes a
    freeze work at once, even while a lock delays the write of the fence row. Only the database can
    judge a canary pass, so a request with a pass goes on.
    """
    level = context.control.freeze.level
    stopped = level == SEALED or (level == INGRESS and decision.starts_new)
    if stopped and request.canary_token is None:
        raise Maintenance(details={"freeze_level": level}, retry_after=FROZEN_RETRY_SECONDS)


def batch_result(request_id: str, result: Result) -> dict[str, Any]:
    """Return one result of a batch: the status and body that its own route would answer."""
    if isinstance(result, ApiError):
        body = msgspec.Raw(error_body(result, request_id))
        return {"request_id": request_id, "status": result.status, "body": body}
    status, answer = result
    if status >= 400:
        answer = {**answer, "request_id": request_id}
    return {"request_id": request_id, "status": status, "body": answer}


def name_request(call: Call, player_id: UUID, command: msgspec.Struct | None) -> Request:
    """Build the request record of a call.

    The transaction id derives from brand, caller, route and request id.
    """
    brand, route = call.brand(), call.route
    payload = msgspec.json.encode([player_id, command], order="deterministic")
    transaction_id = uuid5(TRANSACTIONS, f"{brand}|{call.caller}|{route}|{call.request_id}")
    fingerprint, passes = sha256(payload).hexdigest(), (call.canary_token, call.fence_token)
    return Request(
        brand, player_id, call.caller, route, call.request_id, fingerprint, transaction_id, *passes
    )
