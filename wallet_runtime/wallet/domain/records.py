"""The records that a decision writes: one frozen struct per kind.

SQL takes each record apart by field name, and reads an unknown name as NULL without an error. So
the fields have the names that SQL reads, and `tests/wallet_runtime/wallet/test_boundaries.py`
compares these structs with the SQL text. Amounts are minor units.
"""

from collections.abc import Iterable
from typing import ClassVar, Literal
from uuid import UUID

import msgspec

from wallet_runtime.wallet.domain.events import Payload
from wallet_runtime.wallet.domain.state import PolicySnapshot, Scope, Share


class Written(msgspec.Struct, frozen=True):
    """A struct that is only encoded. Its unions carry no tag to decode them by."""

    only_written: ClassVar[bool] = True


class Leg(msgspec.Struct, frozen=True):
    """An account and a signed amount. The database refuses legs that do not sum to zero."""

    account: str
    delta: int
    currency: str


def move(source: str, target: str, amount: int, currency: str) -> tuple[Leg, ...]:
    """Return the legs that move an amount between two accounts; none for an amount of 0."""
    return nonzero((Leg(source, -amount, currency), Leg(target, amount, currency)))


def nonzero(legs: Iterable[Leg]) -> tuple[Leg, ...]:
    """Leave out legs that change nothing."""
    return tuple(leg for leg in legs if leg.delta)


class BetOpened(msgspec.Struct, frozen=True):
    """A new bet, or a tombstone for a rollback that came before its bet."""

    authorization_id: str
    provider_id: str
    provider_type: str
    bet_id: str
    round_id: str
    stake: int
    state: Literal["AUTHORIZED", "TOMBSTONE"]
    funding: tuple[Share, ...]
    policy_snapshot: PolicySnapshot


class BetClosed(msgspec.Struct, frozen=True):
    """The end of a bet; `from_state` is the state that the decision saw."""

    authorization_id: str
    from_state: str
    state: Literal["SETTLED", "ROLLED_BACK"]
    payout: int | None = None
    payout_shares: tuple[Share, ...] | None = None


class CashOpened(msgspec.Struct, frozen=True):
    """A new cash transaction."""

    transaction_id: str
    type: Literal["deposit", "withdrawal"]
    state: str
    amount: int
    provider_ref: str | None = None
    balance_after: int | None = None


class CashMoved(msgspec.Struct, frozen=True, omit_defaults=True):
    """The next state of a cash transaction. SQL records a review if `reviewed_by` is set."""

    transaction_id: str
    from_state: str
    state: str
    reviewed_by: str | None = None


class TransferRecord(msgspec.Struct, frozen=True):
    """Money that went from one account of the player to another."""

    transfer_id: str
    kind: Literal["DEPOSIT", "WITHDRAWAL", "EDGE", "POINTS", "RELEASE"]
    from_account: str
    to_account: str
    amount: int


class ObligationOpened(msgspec.Struct, frozen=True, omit_defaults=True):
    """A new rolling obligation.

    `required` is the turnover before the completion ratio of the brand is applied. If the rolling
    is a part of the rolling `part_of`, `required` includes the ratio already.
    """

    rolling_id: str
    topology_code: str
    bucket_type_code: str
    amount: int
    required: int
    cap: int | None = None
    earned: int = 0
    grant_id: str | None = None
    part_of: str | None = None


class ObligationClosed(msgspec.Struct, frozen=True):
    """The end of a rolling obligation."""

    rolling_id: str
    state: str


class ObligationChanged(msgspec.Struct, frozen=True, omit_defaults=True):
    """A change of an active obligation.

    A field of None stays as it is. A `cap` of None removes the cap, and an unset `cap` keeps it.
    """

    rolling_id: str
    bucket_type_code: str | None = None
    amount: int | None = None
    earned: int | None = None
    cap: int | None | msgspec.UnsetType = msgspec.UNSET


class BonusIssued(msgspec.Struct, frozen=True):
    """A new bonus, in a bucket of the active topology."""

    bucket_type_code: str
    amount: int
    reference: str
    rolling_id: str | None


class BonusEnded(msgspec.Struct, frozen=True):
    """The end of a bonus; `from_state` is the state that the decision saw."""

    bonus_id: str
    from_state: str
    state: str


class AdjustmentAsked(msgspec.Struct, frozen=True, kw_only=True):
    """A requested adjustment; `amount` is negative for a debit of the account."""

    state: Literal["REQUESTED"] = "REQUESTED"
    account: str
    amount: int
    reason: str
    requested_by: str
    requested_key: str


class AdjustmentDecided(msgspec.Struct, frozen=True):
    """A person's decision on an adjustment."""

    adjustment_id: str
    state: Literal["APPLIED", "REJECTED"]
    decided_by: str
    decided_key: str


class WinPaid(msgspec.Struct, frozen=True):
    """A win that HOUSE pays: from a campaign, or on a settled bet."""

    provider_id: str
    provider_transaction_id: str
    campaign_code: str | None
    authorization_id: str | None
    bet_id: str | None
    round_id: str | None
    amount: int
    shares: tuple[Share, ...]


class WinReversed(msgspec.Struct, frozen=True):
    """The reversal of a whole win; `reverses` is the id of this win."""

    reverses: str


class GrantOpened(msgspec.Struct, frozen=True):
    """A new coupon grant."""

    grant_id: str
    coupon_log_id: str
    scope: Scope
    amount: int
    expires_at: str | None


class GrantClosed(msgspec.Struct, frozen=True):
    """The end of a coupon grant."""

    grant_id: str
    state: Literal["COMPLETED", "REVERSED", "EXPIRED"]


class LockChange(msgspec.Struct, frozen=True):
    """A change of the locked amount of an account."""

    account: str
    delta: int


class SpentWinnings(msgspec.Struct, frozen=True):
    """A refused rollback: `accounts` no longer hold all winnings of the bet."""

    bet_id: str
    provider_id: str
    payout: str
    currency: str
    accounts: list[str]


class SpentWin(msgspec.Struct, frozen=True):
    """A refused reversal: `accounts` no longer hold the whole win."""

    transaction_id: str
    provider_id: str
    amount: str
    currency: str
    accounts: list[str]


class Finding(Written, frozen=True):
    """A refused command that a person has to look at."""

    kind: Literal["ROLLBACK_REFUSED", "WIN_REVERSAL_REFUSED"]
    subject: str
    details: SpentWinnings | SpentWin


class OutboxEvent(Written, frozen=True):
    """An event to write to the outbox in the command's own transaction."""

    event_id: UUID
    event_type: str
    partition_no: int
    payload: Payload


class Records(Written, frozen=True, omit_defaults=True):
    """Records that only some commands write. Empty fields are not encoded.

    `reference` is marked as used, for this brand and command.
    """

    cash_transaction: CashOpened | CashMoved | None = None
    transfers: tuple[TransferRecord, ...] = ()
    obligations_opened: tuple[ObligationOpened, ...] = ()
    obligations_closed: tuple[ObligationClosed, ...] = ()
    obligations_changed: tuple[ObligationChanged, ...] = ()
    bonus: BonusIssued | BonusEnded | None = None
    adjustment: AdjustmentAsked | AdjustmentDecided | None = None
    win: WinPaid | WinReversed | None = None
    grants_opened: tuple[GrantOpened, ...] = ()
    grants_closed: tuple[GrantClosed, ...] = ()
    findings: tuple[Finding, ...] = ()
    reference: str | None = None
    locks: tuple[LockChange, ...] = ()
    events: tuple[OutboxEvent, ...] = ()
