"""Rolling obligations: how the wallet opens, ends and releases them (SPEC 1.5)."""

from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from typing import Literal
from uuid import uuid5

import msgspec

from wallet_runtime.plumbing.money import format_amount
from wallet_runtime.wallet.domain.decision import Decision, event, refuse
from wallet_runtime.wallet.domain.documents import Bucket
from wallet_runtime.wallet.domain.events import RollingRequired, RollingRevoked
from wallet_runtime.wallet.domain.player import currency_of
from wallet_runtime.wallet.domain.records import (
    Leg,
    ObligationChanged,
    ObligationOpened,
    OutboxEvent,
    TransferRecord,
    nonzero,
)
from wallet_runtime.wallet.domain.state import ActivePair, Obligation, Request, State

PROMO = "PROMO"
TURNOVER_OPEN = "TURNOVER_OPEN"
Ended = Literal["CANCELED", "EXPIRED"]


class Turnover(msgspec.Struct, frozen=True):
    """Turnover to require for money that came into a bucket (amounts in minor units).

    The required turnover is `amount` times `multiplier`, rounded up. `cap` is the most that
    completion releases. The open turnover of the rollings in `beside` counts toward it, so that
    only the difference is required in addition.
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
    """The records that require turnover.

    All are empty if the policy requires none.
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
    opened = ObligationOpened(
        rolling_id=rolling_id,
        topology_code=pair.topology.code,
        bucket_type_code=wanted.bucket.code,
        amount=wanted.amount,
        required=required,
        cap=wanted.cap,
    )
    return Required(rolling_id, (opened,), (_required_event(request, opened, wanted),))


def _required_event(request: Request, opened: ObligationOpened, wanted: Turnover) -> OutboxEvent:
    payload = RollingRequired(
        rolling_id=opened.rolling_id,
        topology_code=opened.topology_code,
        bucket_type_code=opened.bucket_type_code,
        provider_types=wanted.bucket.provider_types,
        currency=wanted.currency,
        amount=str(wanted.amount),
        multiplier=wanted.multiplier,
        required_turnover=str(opened.required),
        reference_id=f"{wanted.reason}:{request.transaction_id}",
        reason=wanted.reason,
        beside=wanted.beside,
    )
    return event(request, payload)


def revoked(request: Request, rolling_id: str, state: Ended, index: int = 0) -> OutboxEvent:
    """Build the event that tells rolling_worker to end a rolling as CANCELED or EXPIRED.

    The wallet has taken back the money under this rolling.
    """
    payload = RollingRevoked(rolling_id, state, str(request.transaction_id))
    return event(request, payload, index)


def release(
    source: str, target: str, held: int, cap: int | None, currency: str
) -> tuple[int, tuple[Leg, ...]]:
    """Move `held` from `source` to `target`; the part above the cap goes to PROMO.

    Return the released amount and the legs.
    """
    released = held if cap is None else min(held, cap)
    legs = (
        Leg(source, -held, currency),
        Leg(target, released, currency),
        Leg(PROMO, held - released, currency),
    )
    return released, nonzero(legs)


def release_record(
    request: Request, source: str, target: str, released: int
) -> tuple[TransferRecord, ...]:
    """Return the transfer record of a release; empty if nothing was released."""
    if not released:
        return ()
    return (TransferRecord(str(request.transaction_id), "RELEASE", source, target, released),)


def pass_on(owed: Obligation, others: tuple[Obligation, ...]) -> tuple[ObligationChanged, ...]:
    """Add the amount and cap of a completed rolling to another active rolling of its bucket.

    The bucket is released when the last of `others` completes.

    Caps of one release add up. Money with a cap and money without one mix in the bucket, so one
    rolling without a cap removes all caps of the bucket. The heir does not depend on the order in
    which the database lists rollings.
    """
    heir = _heir(others)
    inherited = ObligationChanged(
        heir.rolling_id, earned=heir.earned + owed.weight, cap=_inherited_cap(heir, owed)
    )
    if owed.cap is not None:
        return (inherited,)
    lifted = [o.rolling_id for o in others if o is not heir and o.cap is not None]
    return (inherited, *(ObligationChanged(rolling_id, cap=None) for rolling_id in lifted))


def _inherited_cap(heir: Obligation, owed: Obligation) -> int | None | msgspec.UnsetType:
    """Return the new cap of the heir; None removes its cap, and UNSET changes nothing."""
    if heir.cap is None:
        return msgspec.UNSET
    return None if owed.cap is None else heir.cap + owed.cap


def pass_earned_on(
    owed: Obligation, others: tuple[Obligation, ...]
) -> tuple[ObligationChanged, ...]:
    """Add the earned amount of a canceled or expired rolling to another one of its bucket."""
    if not owed.earned or not others:
        return ()
    heir = _heir(others)
    return (ObligationChanged(heir.rolling_id, earned=heir.earned + owed.earned),)


def refuse_open_turnover(
    command: str, owed: Obligation, open_turnover: int, currency: str, pair: ActivePair
) -> Decision:
    """Refuse a release because the settled bets do not reach the required turnover (ADR 20)."""
    left = format_amount(open_turnover, currency)
    message = (
        f"settled bets leave at least {left} {currency} of {owed.account} to be turned over;"
        " nothing was released"
    )
    return refuse(command, pair, 409, TURNOVER_OPEN, message, starts_new=False, open_turnover=left)


def refuse_unearned(
    command: str, owed: Obligation, earned: int, state: State, pair: ActivePair
) -> Decision | None:
    """Refuse to release the earned part of an account while its turnover is still open.

    The turnover of `owed` itself does not count, because this rolling ends without completion.
    """
    left = (state.open_turnover or 0) - owed.required
    if not earned or left <= 0:
        return None
    return refuse_open_turnover(command, owed, left, currency_of(state), pair)


def _heir(others: tuple[Obligation, ...]) -> Obligation:
    return min(others, key=lambda other: other.rolling_id)
