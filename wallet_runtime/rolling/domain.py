"""Rules of wagering requirements, without I/O.

The rules say how much turnover a rolling requires, how much of it a bet counts, and how much the
bet's rollback reverses. Amounts are whole minor units of the rolling's currency.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta, Struct

ACTIVE = "ACTIVE"
COMPLETING = "COMPLETING"
FAILED_COMPLETION = "FAILED_COMPLETION"
COMPLETED = "COMPLETED"
CANCELED = "CANCELED"
EXPIRED = "EXPIRED"

REVERSED_AFTER_COMPLETION = "TURNOVER_REVERSED_AFTER_COMPLETION"
SETTLED = "SETTLED"

FULL_RATIO_BPS = 10_000

Amount = Annotated[int, Meta(ge=0)]


class InconsistentEvent(Exception):
    """The event contradicts itself, so it is not retried."""


@dataclass(frozen=True, slots=True)
class BrandRules:
    """Rules of a brand (RS-10); the values here are the global defaults.

    `completion_ratio_bps` is the part of the required turnover that completes a rolling, in
    hundredths of a percent. `expires_after` of None means that a rolling never expires.
    `cancel_allowed` lets a person cancel a rolling, whose money is then locked.
    """

    completion_ratio_bps: int = FULL_RATIO_BPS
    expires_after: timedelta | None = None
    cancel_allowed: bool = False


DEFAULT_RULES = BrandRules()


class Requirement(Struct, frozen=True):
    """The payload of ROLLING_REQUIRED.

    `beside` names rollings for the same money. Their open turnover is included in
    `required_turnover`.
    """

    rolling_id: UUID
    topology_code: str
    bucket_type_code: str
    provider_types: Annotated[tuple[str, ...], Meta(min_length=1)]
    currency: str
    amount: Amount
    multiplier: str
    required_turnover: Amount
    reference_id: str
    reason: str
    remarks: str = ""
    beside: tuple[UUID, ...] = ()


class Carried(Struct, frozen=True):
    """A rolling of the money that a transfer moves.

    `becomes` equals `rolling_id` if the whole rolling moves. Otherwise it is the id of a new
    rolling for the moved part of the money.
    """

    rolling_id: UUID
    becomes: UUID


class Transfer(Struct, frozen=True):
    """The payload of TRANSFER_COMPLETED.

    The transfer moves `amount` out of `balance`, the source bucket's balance before it. `rollings`
    are the rollings that require turnover for this balance.
    """

    transfer_id: str
    topology_code: str
    from_bucket: str
    to_bucket: str
    provider_types: tuple[str, ...]
    currency: str
    amount: Amount
    balance: Amount
    rollings: tuple[Carried, ...] = ()


class Revocation(Struct, frozen=True):
    """The payload of ROLLING_REVOKED: the wallet has taken back the money under the rolling."""

    rolling_id: UUID
    state: Literal["CANCELED", "EXPIRED"]


class FundingShare(Struct, frozen=True):
    """The part of a stake that one bucket paid."""

    topology_code: str
    bucket_type_code: str
    amount: Amount


class SettledBet(Struct, frozen=True):
    """The payload of BET_SETTLED_CONFIRMED, as far as turnover depends on it.

    `counts` says whether the stake counts as turnover; the wallet decides this by its policy.
    """

    authorization_id: str
    bet_id: str
    provider_type: str
    currency: str
    stake: Amount
    funding: tuple[FundingShare, ...]
    counts: bool = True


class RolledBackBet(Struct, frozen=True):
    """The payload of BET_ROLLED_BACK_CONFIRMED; `was` is the bet's state before the rollback."""

    authorization_id: str
    bet_id: str
    was: str


@dataclass(frozen=True, slots=True)
class Opening:
    """How a required rolling starts: its target turnover, expiry time and state."""

    target_turnover: int
    expires_at: datetime | None
    state: str


@dataclass(frozen=True, slots=True)
class Rolling:
    """An ACTIVE rolling, with the fields that decide which stakes count toward it."""

    rolling_id: UUID
    topology_code: str
    bucket_type_code: str
    provider_types: frozenset[str]
    currency: str
    target_turnover: int
    turnover: int

    def is_fed_by(self, bet: SettledBet, share: FundingShare) -> bool:
        """Return whether a share of this bet's stake counts toward this rolling.

        Provider type, currency and bucket must be those of the rolling.
        """
        return (
            bet.provider_type in self.provider_types
            and bet.currency == self.currency
            and share.topology_code == self.topology_code
            and share.bucket_type_code == self.bucket_type_code
        )


@dataclass(frozen=True, slots=True)
class Progress:
    """The turnover of a rolling in any state."""

    rolling_id: UUID
    state: str
    target_turnover: int
    turnover: int

    @property
    def open_turnover(self) -> int:
        """The turnover that is left; 0 once the target is reached."""
        return self.target_turnover - self.turnover


@dataclass(frozen=True, slots=True)
class HandedOn:
    """The part of a rolling's open turnover that a transfer moves into a new rolling.

    The new rolling `becomes` starts in `state` and requires `turnover`. The old rolling requires
    `leaves` less. Each requires at least its share, because fractions are rounded up on both sides.
    """

    rolling_id: UUID
    becomes: UUID
    turnover: int
    leaves: int
    state: str


@dataclass(frozen=True, slots=True)
class Counted:
    """Turnover that one bet adds to one rolling; `completes` if the target is then reached."""

    rolling_id: UUID
    amount: int
    completes: bool


@dataclass(frozen=True, slots=True)
class CountedBefore:
    """Turnover that a bet added to a rolling, with the rolling's current state.

    `completion_attempts` says how often rolling_worker asked the wallet to complete the rolling.
    """

    rolling_id: UUID
    amount: int
    state: str
    completion_attempts: int


@dataclass(frozen=True, slots=True)
class TakenBack:
    """How the rollback of a bet changes one rolling: its turnover is lowered, or it is a finding.

    `reopens` says that a COMPLETING rolling becomes ACTIVE again.
    """

    rolling_id: UUID
    amount: int
    lowers: bool
    reopens: bool

    @property
    def finding(self) -> bool:
        """Return whether a person has to look at the rolling."""
        return not self.lowers


def open_rolling(
    requirement: Requirement, rules: BrandRules, occurred_at: datetime, *, open_beside: int = 0
) -> Opening:
    """Apply the brand's rules to a requirement.

    A fractional target is rounded up. `open_beside` is turnover that other rollings already require
    for the same money; the target is reduced by it.
    """
    target = max(
        0,
        -(-requirement.required_turnover * rules.completion_ratio_bps // FULL_RATIO_BPS)
        - open_beside,
    )
    expires_at = occurred_at + rules.expires_after if rules.expires_after is not None else None
    return Opening(target, expires_at, ACTIVE if target else COMPLETING)


def hand_on(transfer: Transfer, found: Sequence[Progress]) -> tuple[HandedOn, ...]:
    """Split the open turnover of rollings when a transfer moves a part of their balance.

    The turnover is split in proportion to the money, and both parts are rounded up. So a transfer
    adds at most one minor unit per rolling, and many small transfers never reduce the turnover. A
    rolling that moves as a whole is not split. The new part of a CANCELED or EXPIRED rolling has
    the same state. Any other new part is ACTIVE, or COMPLETING if it has no turnover.

    Raises InconsistentEvent if the amount is not above 0 and at most the balance, or if a rolling
    does not exist.
    """
    known = {progress.rolling_id: progress for progress in found}
    if not 0 < transfer.amount <= transfer.balance:
        raise InconsistentEvent(
            f"transfer {transfer.transfer_id} moves {transfer.amount} "
            f"of a balance of {transfer.balance}"
        )
    missing = [
        str(carried.rolling_id) for carried in transfer.rollings if carried.rolling_id not in known
    ]
    if missing:
        raise InconsistentEvent(
            f"transfer {transfer.transfer_id} takes rollings along that are not there: "
            f"{', '.join(missing)}"
        )
    parts = [carried for carried in transfer.rollings if carried.becomes != carried.rolling_id]
    return tuple(_hand_on_one(transfer, carried, known[carried.rolling_id]) for carried in parts)


def _hand_on_one(transfer: Transfer, carried: Carried, source: Progress) -> HandedOn:
    leaves, rest = divmod(source.open_turnover * transfer.amount, transfer.balance)
    turnover = leaves + (rest > 0)
    state = (
        source.state if source.state in (CANCELED, EXPIRED) else ACTIVE if turnover else COMPLETING
    )
    return HandedOn(carried.rolling_id, carried.becomes, turnover, leaves, state)


def count_turnover(bet: SettledBet, rollings: Sequence[Rolling]) -> tuple[Counted, ...]:
    """Distribute a settled bet's stake over ACTIVE rollings, which are given oldest first.

    Stake that no rolling can take is not counted. Raises InconsistentEvent if the funding does not
    add up to the stake.
    """
    if sum(share.amount for share in bet.funding) != bet.stake:
        raise InconsistentEvent(
            f"the funding of authorization {bet.authorization_id} "
            f"does not add up to its stake of {bet.stake}"
        )
    if not bet.counts:
        return ()
    left = {rolling.rolling_id: rolling.target_turnover - rolling.turnover for rolling in rollings}
    counted: dict[UUID, int] = {}
    for share in bet.funding:
        unplaced = share.amount
        for rolling in (each for each in rollings if each.is_fed_by(bet, share)):
            part = min(unplaced, left[rolling.rolling_id])
            if part:
                left[rolling.rolling_id] -= part
                counted[rolling.rolling_id] = counted.get(rolling.rolling_id, 0) + part
                unplaced -= part
    return tuple(
        Counted(rolling_id, amount, not left[rolling_id]) for rolling_id, amount in counted.items()
    )


def take_back(counted: Iterable[CountedBefore]) -> tuple[TakenBack, ...]:
    """Reverse the turnover that a bet added to rollings.

    If the wallet was never asked to complete a COMPLETING rolling, the rolling becomes ACTIVE
    again. If the wallet was asked, it may have released the money already. The turnover then stays,
    and the result is a finding.
    """
    return tuple(_take_back_one(each) for each in counted)


def _take_back_one(counted: CountedBefore) -> TakenBack:
    asked = counted.state == COMPLETING and counted.completion_attempts > 0
    stands = asked or counted.state in (FAILED_COMPLETION, COMPLETED)
    return TakenBack(
        counted.rolling_id,
        counted.amount,
        lowers=not stands,
        reopens=counted.state == COMPLETING and not asked,
    )


def retry_delay_seconds(failures: int, *, bound: int, slow_seconds: float) -> float:
    """Return the delay: 0.5 s, doubled up to 30 s; `slow_seconds` from `bound` failures on."""
    if failures >= bound:
        return slow_seconds
    return float(min(30.0, 0.5 * 2.0 ** max(0, failures - 1)))
