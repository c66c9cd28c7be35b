"""Turnover that money owes before it is withdrawable: asked for, ended, released (SPEC 1.5)."""

from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from typing import Literal
from uuid import uuid5

import msgspec

from wallet_runtime.plumbing.money import format_amount
from wallet_runtime.wallet.domain.decision import Decision, event, refuse
from wallet_runtime.wallet.domain.documents import Bucket
from wallet_runtime.wallet.domain.events import RollingRequired, RollingRevoked
from wallet_runtime.wallet.domain.records import (
    Leg,
    ObligationChanged,
    ObligationOpened,
    OutboxEvent,
    TransferRecord,
)
from wallet_runtime.wallet.domain.state import ActivePair, Obligation, Request

PROMO = "PROMO"
TURNOVER_OPEN = "TURNOVER_OPEN"
Ended = Literal["CANCELED", "EXPIRED"]


class Turnover(msgspec.Struct, frozen=True):
    """Turnover to ask for money that came into a bucket (minor units).

    `multiplier` times the amount, rounded up, is required; `cap` is the most that completing it
    will release. `beside` names rollings whose open turnover counts toward it: it then asks only
    for what these do not ask for already.
    """

    bucket: Bucket
    amount: int
    currency: str
    multiplier: str
    reason: str
    cap: int | None = None
    beside: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Required:
    """The records that ask for turnover.

    All of it is empty where a policy asks for none.
    """

    rolling_id: str | None = None
    opened: tuple[ObligationOpened, ...] = ()
    events: tuple[OutboxEvent, ...] = ()


def require_turnover(request: Request, pair: ActivePair, wanted: Turnover) -> Required:
    """Build the obligation, and the event that makes rolling_worker create the rolling (RS-2)."""
    required = int((wanted.amount * Decimal(wanted.multiplier)).to_integral_value(ROUND_CEILING))
    if required == 0:
        return Required()
    rolling_id = str(uuid5(request.transaction_id, "rolling"))
    payload = RollingRequired(
        rolling_id=rolling_id,
        topology_code=pair.topology.code,
        bucket_type_code=wanted.bucket.code,
        provider_types=wanted.bucket.provider_types,
        currency=wanted.currency,
        amount=str(wanted.amount),
        multiplier=wanted.multiplier,
        required_turnover=str(required),
        reference_id=f"{wanted.reason}:{request.transaction_id}",
        reason=wanted.reason,
        beside=wanted.beside,
    )
    opened = ObligationOpened(
        rolling_id=rolling_id,
        topology_code=pair.topology.code,
        bucket_type_code=wanted.bucket.code,
        amount=wanted.amount,
        required=required,
        cap=wanted.cap,
    )
    return Required(rolling_id, (opened,), (event(request, payload),))


def revoked(request: Request, rolling_id: str, state: Ended, index: int = 0) -> OutboxEvent:
    """Tell rolling_worker that what a rolling was for has been taken back.

    It ends as CANCELED or EXPIRED without completion.
    """
    payload = RollingRevoked(rolling_id, state, str(request.transaction_id))
    return event(request, payload, index)


def release(
    source: str, target: str, held: int, cap: int | None, currency: str
) -> tuple[int, tuple[Leg, ...]]:
    """Move what an account holds to `target`, and what exceeds the cap to PROMO.

    Return what was released, and the legs.
    """
    released = held if cap is None else min(held, cap)
    legs = (
        Leg(source, -held, currency),
        Leg(target, released, currency),
        Leg(PROMO, held - released, currency),
    )
    return released, tuple(leg for leg in legs if leg.delta)


def release_record(
    request: Request, source: str, target: str, released: int
) -> tuple[TransferRecord, ...]:
    """Record what a release made withdrawable; nothing where nothing became so."""
    if not released:
        return ()
    return (TransferRecord(str(request.transaction_id), "RELEASE", source, target, released),)


def pass_on(owed: Obligation, others: tuple[Obligation, ...]) -> tuple[ObligationChanged, ...]:
    """Let a completed rolling count for its bucket's release, with its amount and its cap.

    The release comes with the last of `others`.

    Caps of one release add up. Money without a cap cannot be told apart from money with one, so one
    rolling without a cap lifts the cap of the whole bucket. The heir is the same on every run, in
    whatever order the database lists rollings.
    """
    heir = _heir(others)
    inherited = ObligationChanged(heir.rolling_id, earned=heir.earned + owed.weight)
    if owed.cap is not None:
        if heir.cap is not None:
            inherited = msgspec.structs.replace(inherited, cap=heir.cap + owed.cap)
        return (inherited,)
    if heir.cap is not None:
        inherited = msgspec.structs.replace(inherited, cap=None)
    lifted = [o.rolling_id for o in others if o is not heir and o.cap is not None]
    return (inherited, *(ObligationChanged(rolling_id, cap=None) for rolling_id in lifted))


def pass_earned_on(
    owed: Obligation, others: tuple[Obligation, ...]
) -> tuple[ObligationChanged, ...]:
    """Let what waits for a rolling that ended otherwise wait for another one of its bucket."""
    if not owed.earned or not others:
        return ()
    heir = _heir(others)
    return (ObligationChanged(heir.rolling_id, earned=heir.earned + owed.earned),)


def refuse_open_turnover(
    command: str, owed: Obligation, open_turnover: int, currency: str, pair: ActivePair
) -> Decision:
    """Refuse a release whose turnover the settled bets cannot have reached (ADR 20)."""
    left = format_amount(open_turnover, currency)
    message = (
        f"settled bets leave at least {left} {currency} of {owed.account} to be turned over;"
        " nothing was released"
    )
    return refuse(command, pair, 409, TURNOVER_OPEN, message, starts_new=False, open_turnover=left)


def _heir(others: tuple[Obligation, ...]) -> Obligation:
    return min(others, key=lambda other: other.rolling_id)
