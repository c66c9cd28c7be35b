"""Rules of wagering requirements, without I/O.

They say what a rolling asks, what a bet counts toward it, and what the bet's rollback takes back.
Amounts are whole minor units of the rolling's currency.
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
    """The event contradicts itself, so it cannot be applied however often it is tried."""


@dataclass(frozen=True, slots=True)
class BrandRules:
    """Rules of a brand (RS-10); the values here are the global defaults.

    `completion_ratio_bps` is the part of the required turnover that completes a rolling, in
    hundredths of a percent. `expires_after` of None means that a rolling never expires.
    `cancel_allowed` governs cancellation by a person, which locks what the rolling stood for.
    """

    completion_ratio_bps: int = FULL_RATIO_BPS
    expires_after: timedelta | None = None
    cancel_allowed: bool = False


DEFAULT_RULES = BrandRules()


class Requirement(Struct, frozen=True):
    """The payload of ROLLING_REQUIRED.

    `beside` names rollings whose open turnover is a part of the turnover that is required here.
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
    """A rolling that a transfer takes along.

    `becomes` is the same id when the rolling moves itself, else that of the part it hands on.
    """

    rolling_id: UUID
    becomes: UUID


class Transfer(Struct, frozen=True):
    """The payload of TRANSFER_COMPLETED.

    `amount` is the part of the `balance` that the source bucket had, `rollings` are those that owe
    turnover for that balance.
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
    """The payload of ROLLING_REVOKED: the wallet has taken back what the rolling was for."""

    rolling_id: UUID
    state: Literal["CANCELED", "EXPIRED"]


class FundingShare(Struct, frozen=True):
    """The part of a stake that one bucket paid."""

    topology_code: str
    bucket_type_code: str
    amount: Amount


class SettledBet(Struct, frozen=True):
    """The payload of BET_SETTLED_CONFIRMED, as far as turnover depends on it.

    `counts` is the wallet's word, by its policy.
    """

    authorization_id: str
    bet_id: str
    provider_type: str
    currency: str
    stake: Amount
    funding: tuple[FundingShare, ...]
    counts: bool = True


class RolledBackBet(Struct, frozen=True):
    """The payload of BET_ROLLED_BACK_CONFIRMED; `was` is the state that the rollback ended."""

    authorization_id: str
    bet_id: str
    was: str


@dataclass(frozen=True, slots=True)
class Opening:
    """How a required rolling starts: what completes it, when it lapses, and in which state."""

    target_turnover: int
    expires_at: datetime | None
    state: str


@dataclass(frozen=True, slots=True)
class Rolling:
    """An ACTIVE rolling as turnover sees it."""

    rolling_id: UUID
    topology_code: str
    bucket_type_code: str
    provider_types: frozenset[str]
    currency: str
    target_turnover: int
    turnover: int

    def is_fed_by(self, bet: SettledBet, share: FundingShare) -> bool:
        """Say whether a share of this bet counts here.

        Provider type, currency and funding source must be those of the rolling.
        """
        return (
            bet.provider_type in self.provider_types
            and bet.currency == self.currency
            and share.topology_code == self.topology_code
            and share.bucket_type_code == self.bucket_type_code
        )


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a rolling is, in whatever state."""

    rolling_id: UUID
    state: str
    target_turnover: int
    turnover: int

    @property
    def open_turnover(self) -> int:
        """The turnover that is left; none once completion is under way or done."""
        return self.target_turnover - self.turnover


@dataclass(frozen=True, slots=True)
class HandedOn:
    """A part of a rolling's open turnover that becomes a rolling of its own, with its first state.

    `turnover` is asked for there, `leaves` is no longer asked for here. Neither side asks for less
    than its share of the money.
    """

    rolling_id: UUID
    becomes: UUID
    turnover: int
    leaves: int
    state: str


@dataclass(frozen=True, slots=True)
class Counted:
    """Turnover that one bet adds to one rolling; `completes` when nothing is left to turn over."""

    rolling_id: UUID
    amount: int
    completes: bool


@dataclass(frozen=True, slots=True)
class CountedBefore:
    """Turnover that a bet counted, with the present state of its rolling.

    `completion_attempts` says how often the wallet was asked to complete the rolling.
    """

    rolling_id: UUID
    amount: int
    state: str
    completion_attempts: int


@dataclass(frozen=True, slots=True)
class TakenBack:
    """A reversal's effect on one rolling: it lowers the turnover, or leaves it and is a finding."""

    rolling_id: UUID
    amount: int
    lowers: bool
    reopens: bool

    @property
    def finding(self) -> bool:
        """Say whether a person has to look at it."""
        return not self.lowers


def open_rolling(
    requirement: Requirement, rules: BrandRules, occurred_at: datetime, *, open_beside: int = 0
) -> Opening:
    """Apply the brand's rules to a requirement.

    A target that is not whole is rounded up, so that no turnover is let off. `open_beside` is the
    turnover that other rollings ask for the same money already: only the rest is asked for here.
    """
    target = max(
        0,
        -(-requirement.required_turnover * rules.completion_ratio_bps // FULL_RATIO_BPS)
        - open_beside,
    )
    expires_at = occurred_at + rules.expires_after if rules.expires_after is not None else None
    return Opening(target, expires_at, ACTIVE if target else COMPLETING)


def hand_on(transfer: Transfer, found: Sequence[Progress]) -> tuple[HandedOn, ...]:
    """Divide the open turnover of rollings of which a part of the balance goes elsewhere.

    It is divided in proportion, both sides rounded up: a transfer adds at most one minor unit of
    turnover per rolling, and many small ones shed none. A rolling that moves as a whole is not
    divided. A rolling that was reached or closed before hands on no turnover, and its part ends in
    the same way.

    Raises InconsistentEvent for a transfer of more than there was, or of a rolling that is not
    there.
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
    """Share a settled bet's stake among ACTIVE rollings, given oldest first.

    Stake that none of them can take counts nowhere. Raises InconsistentEvent when the funding does
    not add up to the stake.
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
    """Reverse a bet's turnover exactly.

    A completion that the wallet was never asked for is called off. One that it was asked for
    stands, whatever became of the answer: the money may be released already, so the turnover stays
    and a finding says so.
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
    """Back off from 0.5 s, doubling to 30 s; from `bound` failures on keep trying, slowly."""
    if failures >= bound:
        return slow_seconds
    return float(min(30.0, 0.5 * 2.0 ** max(0, failures - 1)))
