"""What money owes before it is withdrawable: asking for turnover, ending what was asked for, releasing what is done (SPEC 1.5)."""

from decimal import ROUND_CEILING, Decimal
from typing import Any
from uuid import uuid5

import msgspec

from wallet_runtime.contract import ROLLING_REQUIRED, ROLLING_REVOKED
from wallet_runtime.plumbing.money import format_amount
from wallet_runtime.wallet.domain.decision import Decision, Event, Leg, event, refuse
from wallet_runtime.wallet.domain.documents import Bucket
from wallet_runtime.wallet.domain.state import ActivePair, Obligation, Request

PROMO = "PROMO"
TURNOVER_OPEN = "TURNOVER_OPEN"


class Turnover(msgspec.Struct, frozen=True):
    """Turnover to ask for money that came into a bucket (minor units).

    `multiplier` times the amount, rounded up, is required; `cap` is the most that completing it will release.
    `beside` names rollings whose open turnover counts toward it: it then asks only for what these do not ask for already.
    """

    bucket: Bucket
    amount: int
    currency: str
    multiplier: str
    reason: str
    cap: int | None = None
    beside: tuple[str, ...] = ()


class Required(msgspec.Struct, frozen=True):
    """What to write so that turnover is asked for; all of it is empty where a policy asks for none."""

    rolling_id: str | None = None
    opened: tuple[dict[str, Any], ...] = ()
    events: tuple[Event, ...] = ()


def require_turnover(request: Request, pair: ActivePair, wanted: Turnover) -> Required:
    """Build the wallet's own obligation and the event that makes rolling_worker create the rolling (RS-2)."""
    required = int((wanted.amount * Decimal(wanted.multiplier)).to_integral_value(ROUND_CEILING))
    if required == 0:
        return Required()
    rolling_id = str(uuid5(request.transaction_id, "rolling"))
    where = {
        "rolling_id": rolling_id,
        "topology_code": pair.topology.code,
        "bucket_type_code": wanted.bucket.code,
    }
    payload = where | {
        "provider_types": list(wanted.bucket.provider_types),
        "currency": wanted.currency,
        "amount": str(wanted.amount),
        "multiplier": wanted.multiplier,
        "required_turnover": str(required),
        "reference_id": f"{wanted.reason}:{request.transaction_id}",
        "reason": wanted.reason,
        "beside": list(wanted.beside),
    }
    opened = where | {"amount": wanted.amount, "cap": wanted.cap, "required": required}
    return Required(
        rolling_id,
        (opened,),
        (event(request.transaction_id, request.player_id, ROLLING_REQUIRED, payload),),
    )


def revoked(request: Request, rolling_id: str, state: str, index: int = 0) -> Event:
    """Tell rolling_worker that what a rolling was for has been taken back; it ends as CANCELED or EXPIRED without completion."""
    payload = {
        "rolling_id": rolling_id,
        "state": state,
        "transaction_id": str(request.transaction_id),
    }
    return event(request.transaction_id, request.player_id, ROLLING_REVOKED, payload, index)


def release(
    source: str, target: str, held: int, cap: int | None, currency: str
) -> tuple[int, tuple[Leg, ...]]:
    """Move what an account holds to `target`, and what exceeds the cap to PROMO; return what was released, and the legs."""
    released = held if cap is None else min(held, cap)
    legs = (
        Leg(source, -held, currency),
        Leg(target, released, currency),
        Leg(PROMO, held - released, currency),
    )
    return released, tuple(leg for leg in legs if leg.delta)


def release_record(
    request: Request, source: str, target: str, released: int
) -> tuple[dict[str, Any], ...]:
    """Record what a release made withdrawable; nothing where nothing became so."""
    record = {
        "transfer_id": str(request.transaction_id),
        "kind": "RELEASE",
        "from_account": source,
        "to_account": target,
    }
    return (record | {"amount": released},) if released else ()


def pass_on(owed: Obligation, others: tuple[Obligation, ...]) -> tuple[dict[str, Any], ...]:
    """Let a completed rolling count for its bucket's release, which comes with the last of `others`: its amount and its cap.

    Caps of one release add up. Money without a cap cannot be told apart from money with one, so one rolling without a cap
    lifts the cap of the whole bucket. The heir is the same on every run, in whatever order the database lists rollings.
    """
    heir = _heir(others)
    changes: dict[str, dict[str, Any]] = {heir.rolling_id: {"earned": heir.earned + owed.weight}}
    if owed.cap is None:
        for other in others:
            if other.cap is not None:
                changes.setdefault(other.rolling_id, {})["cap"] = None
    elif heir.cap is not None:
        changes[heir.rolling_id]["cap"] = heir.cap + owed.cap
    return tuple({"rolling_id": rolling_id} | change for rolling_id, change in changes.items())


def pass_earned_on(owed: Obligation, others: tuple[Obligation, ...]) -> tuple[dict[str, Any], ...]:
    """Let what waits for a rolling that ended otherwise wait for another one of its bucket."""
    if not owed.earned or not others:
        return ()
    heir = _heir(others)
    return ({"rolling_id": heir.rolling_id, "earned": heir.earned + owed.earned},)


def refuse_open_turnover(
    command: str, owed: Obligation, open_turnover: int, currency: str, pair: ActivePair
) -> Decision:
    """Refuse a release whose turnover the settled bets cannot have reached, whatever rolling_worker says (ADR 20)."""
    left = format_amount(open_turnover, currency)
    message = f"settled bets leave at least {left} {currency} of {owed.account} to be turned over; nothing was released"
    return refuse(command, pair, 409, TURNOVER_OPEN, message, starts_new=False, open_turnover=left)


def _heir(others: tuple[Obligation, ...]) -> Obligation:
    return min(others, key=lambda other: other.rolling_id)
