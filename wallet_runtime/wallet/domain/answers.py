"""Answers of commands: each is kept with its request id, and a repeat gets it again.

Amounts are texts in major units.
"""

from collections.abc import Mapping
from typing import Any, NotRequired, TypedDict

# Any of the shapes below, for code that passes an answer on.
Answer = Mapping[str, Any]


class Refusal(TypedDict):
    """A business refusal."""

    status: int
    code: str
    message: str
    details: dict[str, object]


class AccountShare(TypedDict):
    """A part of a stake, or of money that was paid, and its account."""

    account: str
    amount: str


class BetAnswer(TypedDict):
    """A bet; a tombstone has neither stake nor funding, and one that is open no payout."""

    authorization_id: str
    bet_id: str
    state: str
    stake: NotRequired[str]
    payout: NotRequired[str | None]
    currency: str
    funding: NotRequired[list[AccountShare]]


class WinAnswer(TypedDict):
    """A win beside the payout of a bet."""

    win_id: str
    transaction_id: str
    state: str
    amount: str
    currency: str
    paid_to: list[AccountShare]


class CashBalance(TypedDict):
    """The cash balance after a command."""

    available_real: str
    held_real: str
    total_real: str


class CashTransactionAnswer(TypedDict):
    """A deposit or withdrawal; one that was moved on is told without its amount."""

    tx_id: str
    type: str
    state: str
    amount: NotRequired[str]
    currency: NotRequired[str]


class CashAnswer(TypedDict):
    """Cash that moved: by a transaction of the player, or by a transfer to or from a bucket."""

    transaction: NotRequired[CashTransactionAnswer]
    transfer_id: NotRequired[str]
    bucket: NotRequired[str]
    balance: NotRequired[CashBalance]


class TransferAnswer(TypedDict):
    """Money that moved along an edge of the topology, and the rollings it brought along."""

    transfer_id: str
    state: str
    from_bucket: str
    to_bucket: str
    amount: str
    currency: str
    rolling: NotRequired[str]
    rollings: NotRequired[list[str]]


class PointsAnswer(TypedDict):
    """Points that were awarded or expired; `held` are those left."""

    transaction_id: str
    points: str
    held: str
    reference: str


class PointsTransferAnswer(TypedDict):
    """Points that became money."""

    transfer_id: str
    state: str
    amount: str
    points: str
    target: str
    currency: str
    rolling_id: str | None


class BonusAnswer(TypedDict):
    """A bonus that was issued."""

    bonus_id: str
    state: str
    bucket: str
    amount: str
    currency: str
    reference: str
    rolling_id: str | None


class BonusEndAnswer(TypedDict):
    """A bonus that ended; `released` where completed rollings had earned a part."""

    bonus_id: str
    state: str
    taken_back: str
    currency: str
    reference: str
    released: NotRequired[str]


class CouponAnswer(TypedDict):
    """A coupon grant that was issued."""

    grant_id: str
    coupon_log_id: str
    state: str
    amount: str
    currency: str
    scope: Any
    expires_at: str | None
    rolling_id: str


class CouponEndAnswer(TypedDict):
    """A coupon grant that was reversed or has expired."""

    grant_id: str
    coupon_log_id: str
    state: str
    taken_back: str
    currency: str


class RollingAnswer(TypedDict):
    """A rolling that ended, and the money that it released or took back."""

    rolling_id: str
    state: str
    released: str
    currency: str
    taken_back: NotRequired[str]


class AdjustmentAnswer(TypedDict):
    """An adjustment by two persons."""

    adjustment_id: str
    state: str
    account: str
    direction: str
    amount: str
    currency: str
    reason: str
    requested_by: str
    decided_by: str | None
