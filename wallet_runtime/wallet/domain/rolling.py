"""Release of a bucket when its last active rolling completes: the bucket's money becomes withdrawable (SPEC 1.5)."""

import msgspec

from wallet_runtime.contract import ROLLING_COMPLETED_CONFIRMED
from wallet_runtime.plumbing.errors import NotFound
from wallet_runtime.plumbing.money import format_amount
from wallet_runtime.wallet.domain.decision import Decision, Leg, event, refuse
from wallet_runtime.wallet.domain.state import ActivePair, Request, State

COMPLETE = "ROLLING_COMPLETE"


class RollingNotFound(NotFound):
    """The wallet knows no rolling obligation by this id."""

    code = "ROLLING_NOT_FOUND"


class Complete(msgspec.Struct, frozen=True):
    """rolling_service reports that a rolling's turnover is reached; it names no amount, the bucket's own balance decides."""

    rolling_id: str


def complete(request: Request, command: Complete, state: State, pair: ActivePair) -> Decision:
    """Close the obligation; with the last one of its bucket gone, move the bucket's balance to WITHDRAWABLE."""
    owed = state.rolling
    if owed is None or owed.player_id != str(request.player_id) or state.player is None:
        raise RollingNotFound(f"no rolling obligation {command.rolling_id} of this player")
    if owed.state not in ("ACTIVE", "COMPLETED") or owed.topology_code != pair.topology.code:
        message = f"rolling {command.rolling_id} is {owed.state} on {owed.topology_code}; {pair.topology.code} is active"
        return refuse(COMPLETE, pair, 409, "ROLLING_NOT_COMPLETABLE", message, starts_new=False, state=owed.state)
    currency = state.player.currency
    source = pair.topology.account(owed.bucket_type_code)
    target = pair.topology.account(pair.topology.withdrawable.code)
    last = owed.state == "ACTIVE" and not state.has_active_rolling(source, besides=owed.rolling_id)
    released = state.balance(source) if last and source != target else 0
    body = {"rolling_id": owed.rolling_id, "state": "COMPLETED", "released": format_amount(released, currency), "currency": currency}
    if owed.state == "COMPLETED":
        return Decision(command=COMPLETE, status=200, body=body, pair=pair.reference, starts_new=False)
    payload = {"rolling_id": owed.rolling_id, "released": str(released), "currency": currency, "from_account": source, "to_account": target}
    return Decision(
        command=COMPLETE,
        status=200,
        body=body,
        pair=pair.reference,
        starts_new=False,
        legs=(Leg(source, -released, currency), Leg(target, released, currency)) if released else (),
        transfers=(_release(request, source, target, released),) if released else (),
        obligations_closed=({"rolling_id": owed.rolling_id, "state": "COMPLETED"},),
        events=(event(request.transaction_id, request.player_id, ROLLING_COMPLETED_CONFIRMED, payload),),
    )


def _release(request: Request, source: str, target: str, amount: int) -> dict[str, object]:
    return {"transfer_id": str(request.transaction_id), "kind": "RELEASE", "from_account": source, "to_account": target, "amount": amount}
