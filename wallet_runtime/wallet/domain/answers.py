"""The answers of commands.

An answer is stored with its request id, so that a repeated request gets the same answer. Amounts
are decimal text in major units.
"""

from collections.abc import Mapping
from typing import Any, NotRequired, TypedDict

# Any of the answers below.
Answer = Mapping[str, Any]


class Refusal(TypedDict):
    """A refusal by a business rule; `status` is the HTTP status."""

    status: int
    code: str
    message: str
    details: dict[str, object]


class AccountShare(TypedDict):
    """The part of a stake, payout or win that belongs to one account."""

    account: str
    amount: str


class BetAnswer(TypedDict):
    """A bet. A new tombstone has no stake or funding, and an open bet has no payout."""

    authorization_id: str
    bet_id: str
    state: str
    stake: NotRequired[str]
    payout: NotRequired[str | None]
    currency: str
    funding: NotRequired[list[AccountShare]]


class WinAnswer(TypedDict):
    """A win in addition to a bet's payout: from a campaign, or on a settled bet."""

    win_id: str
    transaction_id: str
    state: str
    amount: str
    currency: str
    paid_to: list[AccountShare]


class CashBalance(TypedDict):
    """The cash balance after a command; `held_real` is the pending cash."""

    available_real: str
    held_real: str
    total_real: str


class CashTransactionAnswer(TypedDict):
    """A deposit or withdrawal. After a mere change of state, the amount is left out."""

    tx_id: str
    type: str
    state: str
    amount: NotRequired[str]
    currency: NotRequired[str]


class CashAnswer(TypedDict):
    """A movement of cash: a deposit or withdrawal, or a transfer to or from a bucket."""

    transaction: NotRequired[CashTransactionAnswer]
    transfer_id: NotRequired[str]
    bucket: NotRequired[str]
    balance: NotRequired[CashBalance]


class TransferAnswer(TypedDict):
    """A transfer along an edge; `rollings` are the ids of the rollings in the target bucket."""

    transfer_id: str
    state: str
    from_bucket: str
    to_bucket: str
    amount: str
    currency: str
    rolling: NotRequired[str]
    rollings: NotRequired[list[str]]


class PointsAnswer(TypedDict):
    """Points that were awarded or expired; `held` is the balance afterwards."""

    transaction_id: str
    points: str
    held: str
    reference: str


class PointsTransferAnswer(TypedDict):
    """Points that were exchanged for money."""

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
    """A bonus that ended; `released` is the part that completed rollings had earned."""

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
    """An adjustment, with the person who requested it and the person who decided."""

    adjustment_id: str
    state: str
    account: str
    direction: str
    amount: str
    currency: str
    reason: str
    requested_by: str
    decided_by: str | None
