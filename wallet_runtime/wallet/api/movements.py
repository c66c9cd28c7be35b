"""Routes of transfers, bonuses, points, adjustments and the end of rollings."""

from functools import partial
from typing import Literal
from uuid import UUID

from wallet_runtime.plumbing.http.app import Answer, Call, Route
from wallet_runtime.plumbing.http.body import Body
from wallet_runtime.plumbing.http.fields import ForeignId, Said
from wallet_runtime.plumbing.money import parse_amount
from wallet_runtime.plumbing.runtime.context import Context
from wallet_runtime.wallet.api.command import PREFIX, Rule, amount_of, perform
from wallet_runtime.wallet.api.coupons import loud
from wallet_runtime.wallet.domain import adjustments, bonus, points, rolling, transfers
from wallet_runtime.wallet.domain.reads import Reads
from wallet_runtime.wallet.store.money import money_of

WITH_STAKES = Reads(with_stakes=True, with_locks=True)


class TransferBody(Body):
    """A transfer between two buckets of the active topology."""

    player_id: UUID
    from_bucket: str
    to_bucket: str
    amount: str
    currency: str


class LegacyTransferBody(Body):
    """A transfer between the normal buckets of sports and casino, by their legacy names."""

    player_id: UUID
    from_side: Literal["sports", "casino"]
    amount: str
    currency: str


class BonusBody(Body):
    """A bonus to issue; `max_release` is the most that its rolling may make withdrawable."""

    player_id: UUID
    bucket: str
    amount: str
    currency: str
    reference: ForeignId
    max_release: str | None = None


class BonusEndBody(Body):
    """A bonus to reverse or expire."""

    player_id: UUID
    bonus_id: UUID


class PointsBody(Body):
    """A whole number of points as digits, and the reference of their award or expiry."""

    player_id: UUID
    points: str
    reference: ForeignId


class PointsTransferBody(Body):
    """A whole number of points to exchange for money in the bucket `target`."""

    player_id: UUID
    points: str
    target: str


class AdjustmentBody(Body):
    """An adjustment to request. admin_service signs who requests it."""

    player_id: UUID
    account: str
    direction: Literal["credit", "debit"]
    amount: str
    currency: str
    reason: Said


class AdjustmentDecisionBody(Body):
    """An adjustment to apply or reject."""

    adjustment_id: UUID


class CompleteBody(Body):
    """A rolling that has reached its turnover."""

    player_id: UUID
    rolling_id: UUID


class CloseBody(Body):
    """A rolling that ended before it reached its turnover."""

    player_id: UUID
    rolling_id: UUID
    state: Literal["CANCELED", "EXPIRED"]


def transfer(context: Context, call: Call) -> Answer:
    """Move money along an edge (POST /internal/wallet/v2/transfers)."""
    body: TransferBody = call.body
    command = transfers.Transfer(body.from_bucket, body.to_bucket, amount_of(body), body.currency)
    return perform(context, call, command, transfers.transfer, WITH_STAKES)


def legacy_transfer(context: Context, call: Call) -> Answer:
    """Move money between sports and casino (POST /internal/wallet/v2/transfers/legacy).

    Nothing moves if both share one bucket.
    """
    body: LegacyTransferBody = call.body
    command = transfers.LegacyTransfer(body.from_side, amount_of(body), body.currency)
    return perform(context, call, command, transfers.legacy_transfer, WITH_STAKES)


def issue_bonus(context: Context, call: Call) -> Answer:
    """Issue a bonus (POST /internal/wallet/v2/bonuses/issue)."""
    body: BonusBody = call.body
    cap = _cap(body)
    command = bonus.Issue(body.bucket, amount_of(body), body.currency, body.reference, cap)
    return perform(context, call, command, bonus.issue)


def _cap(body: BonusBody) -> int | None:
    if body.max_release is None:
        return None
    return parse_amount(body.max_release, body.currency, zero_allowed=True)


def end_bonus(rule: Rule, context: Context, call: Call) -> Answer:
    """Reverse or expire a bonus (POST /internal/wallet/v2/bonuses/reverse, .../expire)."""
    body: BonusEndBody = call.body
    command = bonus.End(str(body.bonus_id))
    reads = WITH_STAKES | Reads(bonus_id=command.bonus_id)
    return perform(context, call, command, rule, reads)


def move_points(rule: Rule, context: Context, call: Call) -> Answer:
    """Award or expire points (POST /internal/wallet/v2/points/award, .../expire)."""
    body: PointsBody = call.body
    command = points.Points(_points(body.points), body.reference)
    return perform(context, call, command, rule)


def transfer_points(context: Context, call: Call) -> Answer:
    """Exchange points for money (POST /internal/wallet/v2/points/transfer)."""
    body: PointsTransferBody = call.body
    command = points.PointsTransfer(_points(body.points), body.target)
    return perform(context, call, command, points.transfer)


def request_adjustment(context: Context, call: Call) -> Answer:
    """Request an adjustment (POST /internal/wallet/v2/adjustments/request)."""
    body: AdjustmentBody = call.body
    command = adjustments.Ask(
        body.account,
        body.direction,
        amount_of(body),
        body.currency,
        body.reason.strip(),
        call.signed_person(),
    )
    return perform(context, call, command, adjustments.ask)


def decide_adjustment(rule: Rule, context: Context, call: Call) -> Answer:
    """Apply or reject an adjustment (POST /internal/wallet/v2/adjustments/approve, .../reject).

    The adjustment itself names its player.
    """
    body: AdjustmentDecisionBody = call.body
    owner = money_of(context.database).owner_of_adjustment(call.brand(), body.adjustment_id)
    if owner is None:
        raise adjustments.AdjustmentNotFound
    command = adjustments.Decide(str(body.adjustment_id), call.signed_person())
    reads = Reads(adjustment_id=command.adjustment_id)
    return perform(context, call, command, rule, reads, owner)


def complete_rolling(context: Context, call: Call) -> Answer:
    """Complete a rolling (POST /internal/wallet/v2/rollings/complete)."""
    body: CompleteBody = call.body
    command, rule = rolling.Complete(str(body.rolling_id)), loud(rolling.complete)
    return perform(context, call, command, rule, _rolling_reads(body.rolling_id))


def close_rolling(context: Context, call: Call) -> Answer:
    """Close a rolling that was canceled or expired (POST /internal/wallet/v2/rollings/close)."""
    body: CloseBody = call.body
    command, reads = (
        rolling.Close(str(body.rolling_id), body.state),
        _rolling_reads(body.rolling_id),
    )
    return perform(context, call, command, rolling.close, reads)


def _rolling_reads(rolling_id: UUID) -> Reads:
    return WITH_STAKES | Reads(rolling_id=str(rolling_id))


def _points(text: str) -> int:
    return parse_amount(text, "PTS")


ROUTES = (
    Route("POST", f"{PREFIX}/transfers", transfer, TransferBody),
    Route("POST", f"{PREFIX}/transfers/legacy", legacy_transfer, LegacyTransferBody),
    Route("POST", f"{PREFIX}/bonuses/issue", issue_bonus, BonusBody),
    Route("POST", f"{PREFIX}/bonuses/reverse", partial(end_bonus, bonus.reverse), BonusEndBody),
    Route("POST", f"{PREFIX}/bonuses/expire", partial(end_bonus, bonus.expire), BonusEndBody),
    Route("POST", f"{PREFIX}/points/award", partial(move_points, points.award), PointsBody),
    Route("POST", f"{PREFIX}/points/transfer", transfer_points, PointsTransferBody),
    Route("POST", f"{PREFIX}/points/expire", partial(move_points, points.expire), PointsBody),
    Route("POST", f"{PREFIX}/adjustments/request", request_adjustment, AdjustmentBody),
    Route(
        "POST",
        f"{PREFIX}/adjustments/approve",
        partial(decide_adjustment, adjustments.approve),
        AdjustmentDecisionBody,
    ),
    Route(
        "POST",
        f"{PREFIX}/adjustments/reject",
        partial(decide_adjustment, adjustments.reject),
        AdjustmentDecisionBody,
    ),
    Route("POST", f"{PREFIX}/rollings/complete", complete_rolling, CompleteBody),
    Route("POST", f"{PREFIX}/rollings/close", close_rolling, CloseBody),
)
