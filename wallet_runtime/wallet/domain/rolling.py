"""The end of a rolling at the wallet (SPEC 1.5).

Completion releases the money of the account. A canceled or expired rolling takes a bonus back.
"""

from typing import Literal

import msgspec

from wallet_runtime.contract.codes import OPEN_STAKES
from wallet_runtime.plumbing.errors import NotFound
from wallet_runtime.plumbing.money import format_amount
from wallet_runtime.wallet.domain import coupon_release, locks
from wallet_runtime.wallet.domain.answers import RollingAnswer
from wallet_runtime.wallet.domain.decision import Decision, event, refuse, unchanged
from wallet_runtime.wallet.domain.events import RollingCompleted
from wallet_runtime.wallet.domain.obligations import (
    PROMO,
    pass_earned_on,
    pass_on,
    refuse_open_turnover,
    refuse_unearned,
    release,
    release_record,
)
from wallet_runtime.wallet.domain.player import currency_of, rollings_of
from wallet_runtime.wallet.domain.records import (
    GrantClosed,
    Leg,
    LockChange,
    ObligationChanged,
    ObligationClosed,
    move,
)
from wallet_runtime.wallet.domain.state import ActivePair, Obligation, Request, State

COMPLETE, CLOSE = "ROLLING_COMPLETE", "ROLLING_CLOSE"


class RollingNotFound(NotFound):
    """The wallet knows no rolling obligation by this id."""

    code = "ROLLING_NOT_FOUND"


class Complete(msgspec.Struct, frozen=True):
    """A report of rolling_service that a rolling has reached its turnover.

    The report has no amount, because the wallet's own balance of the account decides.
    """

    rolling_id: str


class Close(msgspec.Struct, frozen=True):
    """A report of rolling_service that a rolling ended before it reached its turnover.

    A person canceled the rolling, or it expired.
    """

    rolling_id: str
    state: Literal["CANCELED", "EXPIRED"]


def complete(request: Request, command: Complete, state: State, pair: ActivePair) -> Decision:
    """Close the obligation of a completed rolling.

    If it was the last one of its bucket, release unlocked money up to the cap to WITHDRAWABLE.
    """
    owed = _obligation(request, command.rolling_id, state)
    if owed.grant_id is not None:
        return coupon_release.complete(request, owed, state, pair)
    if owed.state not in ("ACTIVE", "COMPLETED") or owed.topology_code != pair.topology.code:
        return _refuse_completion(owed, pair)
    if owed.state == "COMPLETED":
        return unchanged(COMPLETE, pair.reference, _body(owed, state, 0))
    others = _others(owed, state)
    if others:
        return _completed(request, owed, state, pair, changed=pass_on(owed, others))
    if state.open_turnover:
        return refuse_open_turnover(COMPLETE, owed, state.open_turnover, currency_of(state), pair)
    return _last_completed(request, owed, state, pair)


def _refuse_completion(owed: Obligation, pair: ActivePair) -> Decision:
    code = "ROLLING_NOT_COMPLETABLE"
    message = (
        f"rolling {owed.rolling_id} is {owed.state} on {owed.topology_code};"
        f" {pair.topology.code} is active"
    )
    return refuse(COMPLETE, pair, 409, code, message, starts_new=False, state=owed.state)


def close(request: Request, command: Close, state: State, pair: ActivePair) -> Decision:
    """End an obligation without completion.

    With the last rolling of its account, a bonus or grant returns to PROMO. Other money stays and
    is locked.

    Locked money may be bet, but only its winnings become withdrawable, even if a later rolling of
    the bucket completes. The last rolling of a bucket also releases the part that earlier completed
    rollings have earned.
    """
    owed = _obligation(request, command.rolling_id, state)
    if owed.state == "COMPLETED":
        return _refuse_released(owed, pair)
    if owed.state != "ACTIVE":
        return unchanged(CLOSE, pair.reference, _body(owed, state, 0, owed.state))
    given = _is_promotional(owed, state, pair)
    if given and owed.grant_id is None and state.staked_on(owed.account):
        return _staked(CLOSE, owed, state, pair)
    earned = 0 if owed.grant_id else locks.earned_part(state, owed)
    refused = refuse_unearned(CLOSE, owed, earned, state, pair)
    if refused is not None:
        return refused
    taken = state.balance(owed.account) - earned if given else 0
    closed = _closed(request, command, owed, state, pair, earned, taken)
    return msgspec.structs.replace(closed, locks=_locks_after(owed, state, earned + taken, given))


def _closed(
    request: Request,
    command: Close,
    owed: Obligation,
    state: State,
    pair: ActivePair,
    earned: int,
    taken: int,
) -> Decision:
    """Release the earned part, take an amount back to PROMO, and close the obligation."""
    target, currency = pair.topology.withdrawable_account, currency_of(state)
    released, legs = release(owed.account, target, earned, owed.cap, currency)
    body = _body(owed, state, released, command.state)
    body["taken_back"] = format_amount(taken, currency)
    return Decision(
        command=CLOSE,
        status=200,
        body=body,
        pair=pair.reference,
        starts_new=False,
        legs=(*legs, *move(owed.account, PROMO, taken, currency)),
        transfers=release_record(request, owed.account, target, released),
        grants_closed=_closed_grants(owed, command),
        obligations_changed=pass_earned_on(owed, _others(owed, state)),
        obligations_closed=(ObligationClosed(owed.rolling_id, command.state),),
    )


def _locks_after(owed: Obligation, state: State, gone: int, given: bool) -> locks.Locks:
    """Unlock promotional money that leaves; lock other money that stays."""
    if given:
        return locks.relocked(state, {owed.account: -gone})
    return locks.lock_share(state, owed)


def _refuse_released(owed: Obligation, pair: ActivePair) -> Decision:
    message = f"rolling {owed.rolling_id} is COMPLETED, its money is released"
    code = "ROLLING_ALREADY_COMPLETED"
    return refuse(CLOSE, pair, 409, code, message, starts_new=False, state=owed.state)


def _closed_grants(owed: Obligation, command: Close) -> tuple[GrantClosed, ...]:
    if owed.grant_id is None:
        return ()
    return (GrantClosed(owed.grant_id, "REVERSED" if command.state == "CANCELED" else "EXPIRED"),)


def _obligation(request: Request, rolling_id: str, state: State) -> Obligation:
    owed = state.rolling
    if owed is None or owed.player_id != str(request.player_id):
        raise RollingNotFound(f"no rolling obligation {rolling_id} of this player")
    return owed


def _last_completed(request: Request, owed: Obligation, state: State, pair: ActivePair) -> Decision:
    target = pair.topology.withdrawable_account
    if owed.account == target:
        return _completed(request, owed, state, pair)
    given = _is_promotional(owed, state, pair)
    if given and state.locked_on(owed.account) and state.staked_on(owed.account):
        return _staked(COMPLETE, owed, state, pair)
    free = locks.unlocked(state, owed.account)
    # Locked money stays in a normal bucket. From a bonus bucket it returns to PROMO with the last
    # rolling.
    held = state.balance(owed.account) if given else free
    cap = free if owed.cap is None else min(free, owed.cap)
    released, legs = release(owed.account, target, held, cap, currency_of(state))
    locked = locks.relocked(state, {owed.account: -held})
    return _completed(request, owed, state, pair, legs=legs, released=released, locked=locked)


def _others(owed: Obligation, state: State) -> tuple[Obligation, ...]:
    return rollings_of(state, owed.account, besides=owed.rolling_id)


def _staked(command: str, owed: Obligation, state: State, pair: ActivePair) -> Decision:
    """Refuse to end a rolling while open bets hold a part of the money to take back."""
    currency = currency_of(state)
    staked = format_amount(state.staked_on(owed.account), currency)
    message = (
        f"open bets hold {staked} {currency} of {owed.bucket_type_code}, which would be taken back"
    )
    return refuse(command, pair, 409, OPEN_STAKES, message, starts_new=False)


def _is_promotional(owed: Obligation, state: State, pair: ActivePair) -> bool:
    """Tell whether the account is a bonus or grant without another active rolling."""
    given = owed.grant_id is not None or _is_in_bonus_bucket(owed, pair)
    return given and not state.has_active_rolling(owed.account, besides=owed.rolling_id)


def _is_in_bonus_bucket(owed: Obligation, pair: ActivePair) -> bool:
    if owed.topology_code != pair.topology.code:
        return False
    bucket = pair.topology.bucket(owed.bucket_type_code)
    return bucket is not None and bucket.kind == "bonus"


def _completed(
    request: Request,
    owed: Obligation,
    state: State,
    pair: ActivePair,
    *,
    legs: tuple[Leg, ...] = (),
    released: int = 0,
    locked: tuple[LockChange, ...] = (),
    changed: tuple[ObligationChanged, ...] = (),
) -> Decision:
    target, currency = pair.topology.withdrawable_account, currency_of(state)
    completed = RollingCompleted(owed.rolling_id, str(released), currency, owed.account, target)
    return Decision(
        command=COMPLETE,
        status=200,
        body=_body(owed, state, released),
        pair=pair.reference,
        starts_new=False,
        legs=legs,
        locks=locked,
        transfers=release_record(request, owed.account, target, released),
        obligations_closed=(ObligationClosed(owed.rolling_id, "COMPLETED"),),
        obligations_changed=changed,
        events=(event(request, completed),),
    )


def _body(owed: Obligation, state: State, released: int, ended: str = "COMPLETED") -> RollingAnswer:
    currency = currency_of(state)
    return RollingAnswer(
        rolling_id=owed.rolling_id,
        state=ended,
        released=format_amount(released, currency),
        currency=currency,
    )
