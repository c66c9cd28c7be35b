"""Points: awarded, exchanged for money at the topology's rate, or expired.

Points can be neither bet nor withdrawn (GATE-7).

Points are a currency of their own (PTS, whole numbers) with their own counter-accounts, so that
conservation is checked apart from money.
"""

import msgspec

from wallet_runtime.contract.codes import INSUFFICIENT_FUNDS
from wallet_runtime.contract.money import POINTS_CURRENCY
from wallet_runtime.plumbing.errors import Invalid
from wallet_runtime.plumbing.money import format_amount
from wallet_runtime.wallet.domain.answers import PointsAnswer, PointsTransferAnswer
from wallet_runtime.wallet.domain.decision import Decision, event, refuse
from wallet_runtime.wallet.domain.documents import Bucket, PointsTarget
from wallet_runtime.wallet.domain.events import PointsTransferred
from wallet_runtime.wallet.domain.obligations import PROMO, Required, Turnover, require_turnover
from wallet_runtime.wallet.domain.player import currency_of, is_blocked
from wallet_runtime.wallet.domain.records import TransferRecord, move
from wallet_runtime.wallet.domain.reference import refuse_used
from wallet_runtime.wallet.domain.state import ActivePair, Request, State

AWARD, TRANSFER, EXPIRE = "POINTS_AWARD", "POINTS_TRANSFER", "POINTS_EXPIRE"


class PointsTargetInvalid(Invalid):
    """Points become money only in a normal bucket that both the topology and the policy offer."""

    code = "POINTS_TARGET_INVALID"


class Points(msgspec.Struct, frozen=True):
    """A number of points to award or expire, and the reference of the cause.

    The reference of an award may be used once. Many expiries may share a reference.
    """

    points: int
    reference: str


class PointsTransfer(msgspec.Struct, frozen=True):
    """A number of points to exchange for money, and the bucket that receives the money."""

    points: int
    target: str


def award(request: Request, command: Points, state: State, pair: ActivePair) -> Decision:
    """Move points from ISSUED to the points bucket, once per reference."""
    refused = refuse_used(AWARD, command.reference, state, pair)
    if refused is not None:
        return refused
    awarded = _moved(AWARD, request, command, state, pair, command.points, "ISSUED")
    return msgspec.structs.replace(awarded, reference=command.reference)


def expire(request: Request, command: Points, state: State, pair: ActivePair) -> Decision:
    """Move points from the points bucket to EXPIRED, or refuse if the player holds fewer."""
    held = _held(state, pair)
    if held < command.points:
        return _short(EXPIRE, pair, held, starts_new=False)
    return _moved(EXPIRE, request, command, state, pair, -command.points, "EXPIRED")


def transfer(request: Request, command: PointsTransfer, state: State, pair: ActivePair) -> Decision:
    """Exchange points for money in the target bucket, and open the rolling of the policy.

    Refused unless the points are worth a whole number of minor units.
    """
    target, rate = _target(pair, command.target)
    currency, held = currency_of(state), _held(state, pair)
    if is_blocked(state):
        return _refuse(pair, "PLAYER_BLOCKED", "the player is blocked; the points stay points")
    if held < command.points:
        return _short(TRANSFER, pair, held, starts_new=True)
    value = _worth(command, target, rate, currency, pair)
    if isinstance(value, Decision):
        return value
    multiplier = pair.policy.rolling.points.get(target.code, "0")
    wanted = Turnover(target, value, currency, multiplier, "points")
    required = require_turnover(request, pair, wanted)
    return _redeemed(request, command, pair, value, currency, required)


def _worth(
    command: PointsTransfer, target: Bucket, rate: PointsTarget, currency: str, pair: ActivePair
) -> int | Decision:
    """Convert points to minor units, or refuse if there is no rate or no exact amount."""
    minor_units = rate.minor_units_per_point.get(currency)
    if minor_units is None:
        return _refuse_currency(target, rate, currency, pair)
    value, rest = divmod(command.points * minor_units, rate.per_points)
    if value and not rest:
        return value
    message = (
        f"{command.points} points are no whole amount of {currency} at {minor_units} minor"
        f" units per {rate.per_points} points"
    )
    return _refuse(pair, "POINTS_NOT_EXACT", message, per_points=rate.per_points)


def _refuse_currency(
    target: Bucket, rate: PointsTarget, currency: str, pair: ActivePair
) -> Decision:
    offered = sorted(rate.minor_units_per_point)
    message = (
        f"{target.code} has no rate for points into {currency};"
        f" it has one for {', '.join(offered) or 'nothing'}"
    )
    return _refuse(pair, "POINTS_RATE_MISSING", message, currencies=offered)


def _refuse(pair: ActivePair, code: str, message: str, **details: object) -> Decision:
    return refuse(TRANSFER, pair, 409, code, message, starts_new=True, **details)


def _redeemed(
    request: Request,
    command: PointsTransfer,
    pair: ActivePair,
    value: int,
    currency: str,
    required: Required,
) -> Decision:
    source, target = _account(pair), pair.topology.account(command.target)
    record = TransferRecord(str(request.transaction_id), "POINTS", source, target, value)
    announced = PointsTransferred(
        str(command.points), command.target, currency, required.rolling_id, str(value)
    )
    return Decision(
        command=TRANSFER,
        status=200,
        body=_redeemed_body(record, command, currency, required.rolling_id),
        pair=pair.reference,
        starts_new=True,
        legs=(
            *move(source, "REDEEMED", command.points, POINTS_CURRENCY),
            *move(PROMO, target, value, currency),
        ),
        transfers=(record,),
        obligations_opened=required.opened,
        events=(event(request, announced), *required.events),
    )


def _redeemed_body(
    record: TransferRecord, command: PointsTransfer, currency: str, rolling_id: str | None
) -> PointsTransferAnswer:
    return PointsTransferAnswer(
        transfer_id=record.transfer_id,
        state="COMPLETED",
        amount=format_amount(record.amount, currency),
        points=str(command.points),
        target=command.target,
        currency=currency,
        rolling_id=rolling_id,
    )


def _moved(
    name: str,
    request: Request,
    command: Points,
    state: State,
    pair: ActivePair,
    delta: int,
    counter: str,
) -> Decision:
    body = PointsAnswer(
        transaction_id=str(request.transaction_id),
        points=str(command.points),
        held=str(_held(state, pair) + delta),
        reference=command.reference,
    )
    return Decision(
        command=name,
        status=200,
        body=body,
        pair=pair.reference,
        starts_new=delta > 0,
        legs=move(counter, _account(pair), delta, POINTS_CURRENCY),
    )


def _target(pair: ActivePair, code: str) -> tuple[Bucket, PointsTarget]:
    bucket = pair.topology.bucket(code)
    rate = next((target for target in pair.topology.points_targets if target.bucket == code), None)
    is_offered = code in pair.policy.points_targets
    if bucket is None or bucket.kind != "normal" or rate is None or not is_offered:
        offered = ", ".join(pair.policy.points_targets) or "none"
        raise PointsTargetInvalid(
            f"points cannot become money in {code[:64]!r}; the active policy offers {offered}"
        )
    return bucket, rate


def _account(pair: ActivePair) -> str:
    return pair.topology.account(pair.topology.codes_of("points")[0])


def _held(state: State, pair: ActivePair) -> int:
    return state.balance(_account(pair))


def _short(name: str, pair: ActivePair, held: int, *, starts_new: bool) -> Decision:
    message, available = f"the player holds {held} points", str(held)
    return refuse(
        name, pair, 409, INSUFFICIENT_FUNDS, message, starts_new=starts_new, available=available
    )
