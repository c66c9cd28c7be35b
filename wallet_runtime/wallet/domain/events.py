"""Payloads of the wallet's events: one frozen struct per event type.

rolling_worker reads them by structs of its own (`rolling/domain.py`), and reconciliation by name.
Amounts are minor units, as text.
"""

from typing import Literal

import msgspec

from wallet_runtime.contract.events import (
    BET_ROLLED_BACK_CONFIRMED,
    BET_SETTLED_CONFIRMED,
    DEPOSIT_APPROVED,
    POINTS_TRANSFERRED,
    ROLLING_COMPLETED_CONFIRMED,
    ROLLING_REQUIRED,
    ROLLING_REVOKED,
    TRANSFER_COMPLETED,
    WIN_CONFIRMED,
    WIN_REVERSED_CONFIRMED,
    WITHDRAW_APPROVED,
)


class FundingPart(msgspec.Struct, frozen=True):
    """The part of a stake that one account paid, with the account taken apart."""

    account: str
    topology_code: str
    bucket_type_code: str
    amount: str


class BetEnded(msgspec.Struct, frozen=True):
    """The bet of both events that end one."""

    authorization_id: str
    bet_id: str
    provider_id: str
    provider_type: str
    currency: str
    stake: str
    payout: str
    funding: tuple[FundingPart, ...]


class BetSettled(BetEnded, frozen=True, kw_only=True):
    """BET_SETTLED_CONFIRMED; `counts` says whether the bet counts as turnover."""

    counts: bool


class BetRolledBack(BetEnded, frozen=True, kw_only=True):
    """BET_ROLLED_BACK_CONFIRMED; `was` is the state that the rollback ended."""

    was: str


class WinTold(msgspec.Struct, frozen=True):
    """The win of both events about one. It is no bet, so nobody counts it as turnover."""

    win_id: str
    transaction_id: str
    provider_id: str
    campaign: str | None
    authorization_id: str | None
    currency: str
    amount: str


class WinConfirmed(WinTold, frozen=True):
    """WIN_CONFIRMED."""


class WinTakenBack(WinTold, frozen=True):
    """WIN_REVERSED_CONFIRMED."""


class RollingRequired(msgspec.Struct, frozen=True, kw_only=True):
    """ROLLING_REQUIRED.

    `beside` names rollings whose open turnover is a part of what is required.
    """

    rolling_id: str
    topology_code: str
    bucket_type_code: str
    provider_types: tuple[str, ...]
    currency: str
    amount: str
    multiplier: str
    required_turnover: str
    reference_id: str
    reason: str
    remarks: str | msgspec.UnsetType = msgspec.UNSET
    beside: tuple[str, ...] | msgspec.UnsetType = msgspec.UNSET


class RollingRevoked(msgspec.Struct, frozen=True):
    """ROLLING_REVOKED: the wallet has taken back what the rolling was for."""

    rolling_id: str
    state: Literal["CANCELED", "EXPIRED"]
    transaction_id: str


class RollingCompleted(msgspec.Struct, frozen=True):
    """ROLLING_COMPLETED_CONFIRMED."""

    rolling_id: str
    released: str
    currency: str
    from_account: str
    to_account: str


class CarriedRolling(msgspec.Struct, frozen=True):
    """A rolling that a transfer takes along.

    `becomes` is the same id where the rolling moves itself, else that of the part it hands on.
    """

    rolling_id: str
    becomes: str


class TransferCompleted(msgspec.Struct, frozen=True):
    """TRANSFER_COMPLETED: `amount` of the `balance` that the source bucket had."""

    transfer_id: str
    topology_code: str
    from_bucket: str
    to_bucket: str
    provider_types: tuple[str, ...]
    currency: str
    amount: str
    balance: str
    rollings: tuple[CarriedRolling, ...]


class PointsTransferred(msgspec.Struct, frozen=True):
    """POINTS_TRANSFERRED: points that became money."""

    points: str
    target: str
    currency: str
    rolling_id: str | None
    amount: str


class DepositApproved(msgspec.Struct, frozen=True):
    """DEPOSIT_APPROVED."""

    amount: str
    currency: str


class WithdrawApproved(msgspec.Struct, frozen=True):
    """WITHDRAW_APPROVED: the money has left."""

    transaction_id: str
    amount: str
    currency: str


Payload = (
    BetSettled
    | BetRolledBack
    | WinConfirmed
    | WinTakenBack
    | RollingRequired
    | RollingRevoked
    | RollingCompleted
    | TransferCompleted
    | PointsTransferred
    | DepositApproved
    | WithdrawApproved
)
EVENT_TYPES: dict[type[Payload], str] = {
    BetSettled: BET_SETTLED_CONFIRMED,
    BetRolledBack: BET_ROLLED_BACK_CONFIRMED,
    WinConfirmed: WIN_CONFIRMED,
    WinTakenBack: WIN_REVERSED_CONFIRMED,
    RollingRequired: ROLLING_REQUIRED,
    RollingRevoked: ROLLING_REVOKED,
    RollingCompleted: ROLLING_COMPLETED_CONFIRMED,
    TransferCompleted: TRANSFER_COMPLETED,
    PointsTransferred: POINTS_TRANSFERRED,
    DepositApproved: DEPOSIT_APPROVED,
    WithdrawApproved: WITHDRAW_APPROVED,
}
