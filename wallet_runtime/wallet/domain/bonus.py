"""Bonuses: paid from PROMO into a bonus bucket under a rolling, and taken back (SPEC 1.3)."""

from decimal import Decimal

import msgspec
from msgspec.structs import replace

from wallet_runtime.contract.codes import OPEN_STAKES
from wallet_runtime.plumbing.errors import Invalid, NotFound
from wallet_runtime.plumbing.money import format_amount
from wallet_runtime.wallet.domain.answers import BonusAnswer, BonusEndAnswer
from wallet_runtime.wallet.domain.decision import Decision, refuse, unchanged
from wallet_runtime.wallet.domain.documents import Bucket
from wallet_runtime.wallet.domain.locks import earned_part, relocked
from wallet_runtime.wallet.domain.obligations import (
    PROMO,
    Ended,
    Required,
    Turnover,
    pass_earned_on,
    refuse_unearned,
    release,
    release_record,
    require_turnover,
    revoked,
)
from wallet_runtime.wallet.domain.player import is_blocked, rollings_of
from wallet_runtime.wallet.domain.records import (
    BonusEnded,
    BonusIssued,
    ObligationChanged,
    ObligationClosed,
    move,
)
from wallet_runtime.wallet.domain.reference import refuse_used
from wallet_runtime.wallet.domain.state import ActivePair, Bonus, Obligation, Request, State

ISSUE, REVERSE, EXPIRE = "BONUS_ISSUE", "BONUS_REVERSE", "BONUS_EXPIRE"
# The state in which each command leaves a bonus.
ENDS = {REVERSE: "REVERSED", EXPIRE: "EXPIRED"}


class BonusBucketInvalid(Invalid):
    """A bonus goes to a bonus bucket of the active topology."""

    code = "BUCKET_INVALID"


class BonusNotFound(NotFound):
    """This player has no bonus by that id."""

    code = "BONUS_NOT_FOUND"


class Issue(msgspec.Struct, frozen=True):
    """A bonus to issue: its bucket, an amount in minor units, and the reference of its cause.

    `max_release` is the most that its rolling may release; None is no limit.
    """

    bucket: str
    amount: int
    currency: str
    reference: str
    max_release: int | None = None


class End(msgspec.Struct, frozen=True):
    """A bonus to reverse or expire. Its amount is stored with the bonus."""

    bonus_id: str


def issue(request: Request, command: Issue, state: State, pair: ActivePair) -> Decision:
    """Pay a bonus from PROMO into a bonus bucket, once per reference, and open its rolling."""
    bucket = _bonus_bucket(pair, command.bucket)
    refused = refuse_used(ISSUE, command.reference, state, pair) or _refuse_blocked(state, pair)
    if refused is not None:
        return refused
    multiplier = pair.policy.rolling.bonus.get(bucket.code, "0")
    wanted = Turnover(
        bucket, command.amount, command.currency, multiplier, "bonus", cap=_cap(command, pair)
    )
    return _issued(request, command, pair, require_turnover(request, pair, wanted))


def _refuse_blocked(state: State, pair: ActivePair) -> Decision | None:
    if not is_blocked(state):
        return None
    message = "the player is blocked; no bonus is issued"
    return refuse(ISSUE, pair, 409, "PLAYER_BLOCKED", message, starts_new=True)


def _issued(request: Request, command: Issue, pair: ActivePair, required: Required) -> Decision:
    account = pair.topology.account(command.bucket)
    return Decision(
        command=ISSUE,
        status=200,
        body=_issued_body(request, command, required.rolling_id),
        pair=pair.reference,
        starts_new=True,
        legs=move(PROMO, account, command.amount, command.currency),
        bonus=BonusIssued(command.bucket, command.amount, command.reference, required.rolling_id),
        reference=command.reference,
        obligations_opened=required.opened,
        events=required.events,
    )


def _issued_body(request: Request, command: Issue, rolling_id: str | None) -> BonusAnswer:
    return BonusAnswer(
        bonus_id=str(request.transaction_id),
        state="ISSUED",
        bucket=command.bucket,
        amount=format_amount(command.amount, command.currency),
        currency=command.currency,
        reference=command.reference,
        rolling_id=rolling_id,
    )


def reverse(request: Request, command: End, state: State, pair: ActivePair) -> Decision:
    """Return a whole bonus to PROMO, or refuse.

    It is refused if a part was ever spent, released or transferred, or is staked.

    Winnings from the bonus stay in the bucket. Money that came in later does not make a spent bonus
    whole again.
    """
    bonus = _named(request, state)
    refused = _refuse_end(REVERSE, bonus, state, pair, ENDS[REVERSE])
    refused = refused or _refuse_spent(bonus, state, pair)
    if refused is not None:
        return refused
    taken = min(state.balance(bonus.account), bonus.amount + _locked_leftover(bonus, state))
    return _ended(REVERSE, request, bonus, state, pair, taken)


def _refuse_spent(bonus: Bonus, state: State, pair: ActivePair) -> Decision | None:
    whole = min(state.balance(bonus.account), bonus.low_water or 0)
    if whole >= bonus.amount or bonus.state != "ISSUED":
        return None
    left = format_amount(whole, bonus.currency)
    message = (
        f"of bonus {bonus.bonus_id} only {left} {bonus.currency} lay untouched;"
        " nothing was taken back"
    )
    return refuse(REVERSE, pair, 409, "BONUS_SPENT", message, starts_new=False, untouched=left)


def _locked_leftover(bonus: Bonus, state: State) -> int:
    """Return the locked rest of earlier, expired bonuses, to take with the last rolling."""
    if state.has_active_rolling(bonus.account, besides=bonus.rolling_id):
        return 0
    return state.locked_on(bonus.account)


def expire(request: Request, command: End, state: State, pair: ActivePair) -> Decision:
    """Return the rest of a bonus to PROMO.

    While the bucket has other active rollings, at most the amount of the bonus is taken.

    With the last rolling, the bucket is emptied: the part that completed rollings have earned is
    released to WITHDRAWABLE, and the rest returns to PROMO.
    """
    bonus = _named(request, state)
    refused = _refuse_end(EXPIRE, bonus, state, pair, ENDS[EXPIRE])
    if refused is not None:
        return refused
    held = state.balance(bonus.account)
    if state.has_active_rolling(bonus.account, besides=bonus.rolling_id):
        return _ended(EXPIRE, request, bonus, state, pair, min(held, bonus.amount))
    owed = _owed(bonus, state)
    if bonus.state != "ISSUED" or owed is None or not owed.earned:
        return _ended(EXPIRE, request, bonus, state, pair, held)
    return _expired_with_release(request, bonus, owed, state, pair)


def _expired_with_release(
    request: Request, bonus: Bonus, owed: Obligation, state: State, pair: ActivePair
) -> Decision:
    """Expire a bonus and release the part of its bucket that completed rollings have earned."""
    held, earned = state.balance(bonus.account), earned_part(state, owed)
    refused = refuse_unearned(EXPIRE, owed, earned, state, pair)
    if refused is not None:
        return refused
    target = pair.topology.withdrawable_account
    released, legs = release(bonus.account, target, earned, owed.cap, bonus.currency)
    ended = _ended(EXPIRE, request, bonus, state, pair, held - earned, released)
    return replace(
        ended,
        legs=(*legs, *ended.legs),
        locks=relocked(state, {bonus.account: -held}),
        transfers=release_record(request, bonus.account, target, released),
    )


def _cap(command: Issue, pair: ActivePair) -> int | None:
    """Return the lower of the command's cap and the policy's cap, in minor units.

    The policy's cap is rounded down. None is no limit.
    """
    multiple = pair.policy.rolling.bonus_cap.get(command.bucket)
    caps = [] if multiple is None else [int(command.amount * Decimal(multiple))]
    return min(caps + ([] if command.max_release is None else [command.max_release]), default=None)


def _ended(
    command: str,
    request: Request,
    bonus: Bonus,
    state: State,
    pair: ActivePair,
    amount: int,
    released: int | None = None,
) -> Decision:
    taken = amount if bonus.state == "ISSUED" else 0
    body = _end_body(bonus, ENDS[command], taken, released)
    if bonus.state == ENDS[command]:
        return unchanged(command, pair.reference, body)
    ended: Ended = "CANCELED" if command == REVERSE else "EXPIRED"
    rollings = (bonus.rolling_id,) if bonus.rolling_id else ()
    return Decision(
        command=command,
        status=200,
        body=body,
        pair=pair.reference,
        starts_new=False,
        legs=move(bonus.account, PROMO, taken, bonus.currency),
        bonus=BonusEnded(bonus.bonus_id, "ISSUED", ENDS[command]),
        locks=relocked(state, {bonus.account: -taken}),
        obligations_changed=_passed_on(bonus, state),
        obligations_closed=tuple(ObligationClosed(rolling, ended) for rolling in rollings),
        events=tuple(revoked(request, rolling, ended) for rolling in rollings),
    )


def _end_body(bonus: Bonus, state: str, taken: int, released: int | None) -> BonusEndAnswer:
    body = BonusEndAnswer(
        bonus_id=bonus.bonus_id,
        state=state,
        taken_back=format_amount(taken, bonus.currency),
        currency=bonus.currency,
        reference=bonus.reference,
    )
    if released is not None:
        body["released"] = format_amount(released, bonus.currency)
    return body


def _passed_on(bonus: Bonus, state: State) -> tuple[ObligationChanged, ...]:
    """Add the earned amount of the bonus's rolling to another rolling of its bucket."""
    owed = _owed(bonus, state)
    if owed is None:
        return ()
    return pass_earned_on(owed, rollings_of(state, bonus.account, besides=owed.rolling_id))


def _owed(bonus: Bonus, state: State) -> Obligation | None:
    there = rollings_of(state, bonus.account)
    return next((owed for owed in there if owed.rolling_id == bonus.rolling_id), None)


def _refuse_end(
    command: str, bonus: Bonus, state: State, pair: ActivePair, target: str
) -> Decision | None:
    if bonus.state == target:
        return None
    if bonus.state != "ISSUED":
        return _refuse_closed(command, bonus, pair, target)
    return _refuse_carried_off(command, bonus, state, pair) or _refuse_staked(
        command, bonus, state, pair
    )


def _refuse_closed(command: str, bonus: Bonus, pair: ActivePair, target: str) -> Decision:
    message = (
        f"bonus {bonus.bonus_id} is {bonus.state}; only one that is ISSUED can be {target.lower()}"
    )
    return refuse(
        command, pair, 409, "BONUS_NOT_OPEN", message, starts_new=False, state=bonus.state
    )


def _refuse_carried_off(
    command: str, bonus: Bonus, state: State, pair: ActivePair
) -> Decision | None:
    """Refuse a bonus whose rolling has moved to another bucket with a transfer."""
    if not any(
        owed.rolling_id == bonus.rolling_id and owed.account != bonus.account
        for owed in state.obligations
    ):
        return None
    message = (
        f"bonus {bonus.bonus_id} was transferred out of {bonus.bucket_type_code};"
        " what became of it is not taken back"
    )
    return refuse(command, pair, 409, "BONUS_SPENT", message, starts_new=False)


def _refuse_staked(command: str, bonus: Bonus, state: State, pair: ActivePair) -> Decision | None:
    staked = state.staked_on(bonus.account)
    if not staked:
        return None
    stake = format_amount(staked, bonus.currency)
    message = (
        f"open bets hold {stake} {bonus.currency} of {bonus.bucket_type_code};"
        " settle or roll them back first"
    )
    return refuse(command, pair, 409, OPEN_STAKES, message, starts_new=False, open_stakes=stake)


def _named(request: Request, state: State) -> Bonus:
    if state.bonus is None or state.bonus.player_id != str(request.player_id):
        raise BonusNotFound
    return state.bonus


def _bonus_bucket(pair: ActivePair, code: str) -> Bucket:
    bucket = pair.topology.bucket(code)
    if bucket is None or bucket.kind != "bonus":
        known = ", ".join(pair.topology.codes_of("bonus")) or "none"
        raise BonusBucketInvalid(
            f"bucket {code[:64]!r} cannot take a bonus; the active topology takes {known}"
        )
    return bucket
