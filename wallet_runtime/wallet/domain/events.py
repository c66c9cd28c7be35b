"""Payloads of the wallet's events: one frozen struct per event type.

rolling_worker decodes payloads with structs of its own (`rolling/domain.py`), and reconciliation
reads them by field name. Amounts are minor units, as text.
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
    """The part of a stake that one account paid, with both parts of the account's name."""

    account: str
    topology_code: str
    bucket_type_code: str
    amount: str


class BetEnded(msgspec.Struct, frozen=True):
    """The fields that both events about a closed bet share."""

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
    """BET_ROLLED_BACK_CONFIRMED; `was` is the state of the bet before the rollback."""

    was: str


class WinTold(msgspec.Struct, frozen=True):
    """The fields that both events about a win share. A win never counts as turnover."""

    win_id: str
    transaction_id: str
    provider_id: str
    campaign: str | None
    authorization_id: str | None
    currency: str
    amount: str


class WinConfirmed(WinTold, frozen=True):
    """WIN_CONFIRMED: a win was paid."""


class WinTakenBack(WinTold, frozen=True):
    """WIN_REVERSED_CONFIRMED: a win was reversed."""


class RollingRequired(msgspec.Struct, frozen=True, kw_only=True):
    """ROLLING_REQUIRED: rolling_worker has to create a rolling.

    `beside` names rollings whose open turnover counts toward the required turnover.
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
    """ROLLING_REVOKED: the wallet has taken back the money under a rolling."""

    rolling_id: str
    state: Literal["CANCELED", "EXPIRED"]
    transaction_id: str


class RollingCompleted(msgspec.Struct, frozen=True):
    """ROLLING_COMPLETED_CONFIRMED: the wallet has completed a rolling and released money."""

    rolling_id: str
    released: str
    currency: str
    from_account: str
    to_account: str


class CarriedRolling(msgspec.Struct, frozen=True):
    """A rolling that moves with a transfer, as a whole or in part.

    `becomes` is the same id if the whole rolling moves, else the id of the part that moves.
    """

    rolling_id: str
    becomes: str


class TransferCompleted(msgspec.Struct, frozen=True):
    """TRANSFER_COMPLETED; `balance` is the source bucket's balance before the transfer."""

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
    """POINTS_TRANSFERRED: points were exchanged for money."""

    points: str
    target: str
    currency: str
    rolling_id: str | None
    amount: str


class DepositApproved(msgspec.Struct, frozen=True):
    """DEPOSIT_APPROVED: a captured deposit was booked."""

    amount: str
    currency: str


class WithdrawApproved(msgspec.Struct, frozen=True):
    """WITHDRAW_APPROVED: the PSP has paid a withdrawal."""

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
