"""Completion of a coupon's rolling: its grant becomes withdrawable (SPEC 1.3, A8)."""

from wallet_runtime.plumbing.money import format_amount
from wallet_runtime.wallet.domain.answers import RollingAnswer
from wallet_runtime.wallet.domain.coupons import COMPLETE, GrantNotFound
from wallet_runtime.wallet.domain.decision import Decision, event, refuse, unchanged
from wallet_runtime.wallet.domain.events import RollingCompleted
from wallet_runtime.wallet.domain.obligations import refuse_open_turnover, release, release_record
from wallet_runtime.wallet.domain.player import currency_of
from wallet_runtime.wallet.domain.records import GrantClosed, ObligationClosed
from wallet_runtime.wallet.domain.state import ActivePair, Grant, Obligation, Request, State


def complete(request: Request, owed: Obligation, state: State, pair: ActivePair) -> Decision:
    """Release the grant of this rolling, and only this grant, to WITHDRAWABLE (A8-3 to A8-5).

    Raises `GrantNotFound` if the grant of an active rolling is missing or not active. No other
    grant, rolling or balance takes its place.
    """
    grant = state.grant(owed.account)
    if owed.state == "ACTIVE":
        _confirm_active(grant, owed)
    if owed.state not in ("ACTIVE", "COMPLETED") or owed.topology_code != pair.topology.code:
        return _refuse(owed, pair)
    if grant is None or owed.state == "COMPLETED":
        return unchanged(COMPLETE, pair.reference, _body(owed, 0, currency_of(state)))
    if state.open_turnover:
        return refuse_open_turnover(COMPLETE, owed, state.open_turnover, grant.currency, pair)
    return _released(request, owed, grant, pair)


def _confirm_active(grant: Grant | None, owed: Obligation) -> None:
    if grant is None or grant.state != "ACTIVE":
        message = f"rolling {owed.rolling_id} is for coupon grant {owed.grant_id}, which is not"
        raise GrantNotFound(f"{message} active; nothing was released")


def _refuse(owed: Obligation, pair: ActivePair) -> Decision:
    code = "ROLLING_NOT_COMPLETABLE"
    message = (
        f"rolling {owed.rolling_id} of coupon grant {owed.grant_id} is {owed.state}"
        f" on {owed.topology_code}"
    )
    return refuse(COMPLETE, pair, 409, code, message, starts_new=False, state=owed.state)


def _released(request: Request, owed: Obligation, grant: Grant, pair: ActivePair) -> Decision:
    target, currency = pair.topology.withdrawable_account, grant.currency
    released, legs = release(grant.account, target, grant.balance, owed.cap, currency)
    completed = RollingCompleted(owed.rolling_id, str(released), currency, grant.account, target)
    return Decision(
        command=COMPLETE,
        status=200,
        body=_body(owed, released, currency),
        pair=pair.reference,
        starts_new=False,
        legs=legs,
        transfers=release_record(request, grant.account, target, released),
        grants_closed=(GrantClosed(grant.grant_id, "COMPLETED"),),
        obligations_closed=(ObligationClosed(owed.rolling_id, "COMPLETED"),),
        events=(event(request, completed),),
    )


def _body(owed: Obligation, released: int, currency: str) -> RollingAnswer:
    return RollingAnswer(
        rolling_id=owed.rolling_id,
        state="COMPLETED",
        released=format_amount(released, currency),
        currency=currency,
    )
