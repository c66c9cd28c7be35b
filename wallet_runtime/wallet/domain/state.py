"""The state that a decision is made on, as `wallet.read_state` returns it.

Amounts are minor units.
"""

from typing import Literal
from uuid import UUID

import msgspec

from wallet_runtime.wallet.domain.answers import Answer
from wallet_runtime.wallet.domain.documents import GRANT, Policy, ScopeKind, Topology
from wallet_runtime.wallet.domain.reads import ReadMore, Reads

# How a bet counts as turnover once it is settled.
Counting = Literal["always", "unless_push", "never"]


class Gate(msgspec.Struct, frozen=True):
    """The active pair and the freeze, from the gate row."""

    activation_no: int
    freeze_level: str
    freeze_epoch: int
    topology_code: str | None = None
    topology_version: int | None = None
    policy_key: str | None = None
    policy_version: int | None = None


class Stored(msgspec.Struct, frozen=True):
    """The final answer that this request id was given before."""

    fingerprint: str
    status: int
    body: Answer


class Player(msgspec.Struct, frozen=True):
    """The player's wallet row; `version` is what apply compares and swaps."""

    currency: str
    status: str
    canary: bool
    version: int


class Cash(msgspec.Struct, frozen=True):
    """Cash accounts; both are zero before the first movement."""

    available: int = 0
    pending: int = 0


class Obligation(msgspec.Struct, frozen=True):
    """A rolling that a bucket or grant still owes, or one that was asked for by id.

    `cap` is the most that completing it releases of its account; None for all there is. `earned` is
    the amount of completed rollings whose release waits for this one.
    """

    rolling_id: str
    topology_code: str
    bucket_type_code: str
    amount: int
    state: str = "ACTIVE"
    player_id: str = ""
    grant_id: str | None = None
    cap: int | None = None
    earned: int = 0
    required: int = 0

    @property
    def weight(self) -> int:
        """Return the amount of money that this rolling and those that wait for it stand for."""
        return self.amount + self.earned

    @property
    def account(self) -> str:
        """Name the account that owes: a bucket, or the coupon grant of the rolling."""
        return (
            f"{GRANT}/{self.grant_id}"
            if self.grant_id
            else f"{self.topology_code}/{self.bucket_type_code}"
        )


class Scope(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which games a coupon may be staked in.

    `provider_ids` belong to the scope `provider` alone.
    """

    kind: ScopeKind
    provider_ids: tuple[str, ...] = ()


def is_grant(account: str) -> bool:
    """Tell a coupon grant's account from a bucket's."""
    return account.startswith(f"{GRANT}/")


class Grant(msgspec.Struct, frozen=True):
    """A coupon grant: a row with its own balance.

    `lapsed` says that its time is over, whether or not it was expired yet.
    """

    grant_id: str
    player_id: str
    coupon_log_id: str
    topology_code: str
    scope: Scope
    currency: str
    amount: int
    balance: int
    state: str
    lapsed: bool = False
    expires_at: str | None = None

    @property
    def account(self) -> str:
        """Name the ledger account of this grant: `GRANT/<grant_id>`."""
        return f"{GRANT}/{self.grant_id}"


class Share(msgspec.Struct, frozen=True):
    """A part of a stake or payout and the account it belongs to."""

    account: str
    amount: int


class PolicySnapshot(msgspec.Struct, frozen=True):
    """The part of the policy that settles a bet, fixed when the bet was authorized.

    `destinations` maps each funding account to (account while its rolling is active, account
    after). `reaches` lists every bucket account that settlement or rollback may pay, for A7-8.
    `withdrawable` is where a share goes whose grant is completed. `counts` says how the bet counts
    as turnover, `price` what its provider called its price.
    """

    destinations: dict[str, tuple[str, str]] = {}
    reaches: tuple[str, ...] = ()
    withdrawable: str = ""
    counts: Counting = "always"
    price: str | None = None


class Authorization(msgspec.Struct, frozen=True):
    """A stored bet. Its funding and snapshot alone decide settlement and rollback."""

    authorization_id: str
    player_id: str
    provider_id: str
    provider_type: str
    bet_id: str
    round_id: str
    currency: str
    stake: int
    state: str
    funding: tuple[Share, ...]
    policy_snapshot: PolicySnapshot
    topology_code: str
    topology_version: int
    policy_key: str
    policy_version: int
    payout: int | None = None
    payout_shares: tuple[Share, ...] | None = None


class CashTransaction(msgspec.Struct, frozen=True):
    """A stored cash transaction (deposit or withdrawal) and its state."""

    transaction_id: str
    player_id: str
    type: str
    state: str
    amount: int
    currency: str


class Bonus(msgspec.Struct, frozen=True):
    """A bonus as it was issued.

    `low_water` is the least that its bucket has held since (None: it never came there).
    """

    bonus_id: str
    player_id: str
    topology_code: str
    bucket_type_code: str
    currency: str
    amount: int
    reference: str
    state: str
    rolling_id: str | None = None
    low_water: int | None = None

    @property
    def account(self) -> str:
        """Name the bucket account that the bonus was issued to."""
        return f"{self.topology_code}/{self.bucket_type_code}"


class Adjustment(msgspec.Struct, frozen=True):
    """A correction of one account that was asked for; `amount` is signed, seen from the account."""

    adjustment_id: str
    player_id: str
    account: str
    currency: str
    amount: int
    reason: str
    state: str
    requested_by: str
    requested_key: str
    decided_by: str | None = None


class Campaign(msgspec.Struct, frozen=True):
    """A campaign of wins without a stake. `expired` says that its time is over."""

    campaign_code: str
    provider_id: str
    currency: str
    cap: int
    cap_per_win: int
    spent: int
    expires_at: str
    expired: bool = False


class Win(msgspec.Struct, frozen=True):
    """A win as it was paid.

    `low_water` is the least that each account has held since it was paid there.
    """

    win_id: str
    player_id: str
    provider_id: str
    provider_transaction_id: str
    currency: str
    amount: int
    shares: tuple[Share, ...]
    topology_code: str
    topology_version: int
    policy_key: str
    policy_version: int
    campaign_code: str | None = None
    authorization_id: str | None = None
    bet_id: str | None = None
    round_id: str | None = None
    reversed: bool = False
    low_water: dict[str, int] = {}

    @property
    def pair(self) -> "PairReference":
        """The pair that it was paid under."""
        return PairReference(
            self.topology_code, self.topology_version, self.policy_key, self.policy_version
        )


class ReferenceUse(msgspec.Struct, frozen=True):
    """The award or bonus that used a reference."""

    player_id: str
    transaction_id: str


class State(msgspec.Struct, frozen=True):
    """Everything one decision may look at.

    `cash` and `obligations` are empty for a bet's authorization, which reads neither.

    `had_grants` says that the player has, or had, a coupon: an open bet may hold a part of a closed
    one. Read only where the command asks for it: `round`, what open bets of the round at hand hold
    of each account (None: not read); `staked`, what all open bets hold of each account (None: not
    read); `locked`, how much of each account only winnings leave (None: not read); `low_water`, the
    least that each account has held since a settled bet's winnings came there; `lifted`, what that
    settlement unlocked; `lapsed`, accounts where a rolling has lapsed since that bet was made;
    `choice`, the source that the player picked (None: no one yet); `further_wins`, what wins on
    that bet were paid and not taken back; `reference`, the use of the reference that the command
    names (None: it is new); `open_turnover`, what the account of the named rolling or bonus has
    still to turn over at the least.
    """

    gate: Gate
    buckets: dict[str, int]
    obligations: tuple[Obligation, ...] = ()
    open_stakes: int = 0
    stored: Stored | None = None
    player: Player | None = None
    cash: Cash | None = None
    rolling: Obligation | None = None
    open_turnover: int | None = None
    authorization: Authorization | None = None
    cash_transaction: CashTransaction | None = None
    grants: tuple[Grant, ...] = ()
    had_grants: bool = False
    coupon: Grant | None = None
    bonus: Bonus | None = None
    adjustment: Adjustment | None = None
    round: dict[str, int] | None = None
    staked: dict[str, int] | None = None
    locked: dict[str, int] | None = None
    low_water: dict[str, int] = {}
    lifted: dict[str, int] = {}
    lapsed: tuple[str, ...] = ()
    choice: str | None | msgspec.UnsetType = msgspec.UNSET
    reference: ReferenceUse | None | msgspec.UnsetType = msgspec.UNSET
    campaign: Campaign | None = None
    win: Win | None = None
    further_wins: int = 0

    def balance(self, account: str) -> int:
        """Balance of a bucket or grant account; an account never used holds nothing."""
        grant = self.grant(account)
        return grant.balance if grant is not None else self.buckets.get(account, 0)

    def staked_in_round(self, round_id: str) -> dict[str, int]:
        """Return what open bets of a round hold of each account."""
        if self.round is None:
            raise ReadMore(Reads(round_id=round_id))
        return self.round

    def staked_on(self, account: str) -> int:
        """Return what open bets hold of an account."""
        if self.staked is None:
            raise ReadMore(Reads(with_stakes=True))
        return self.staked.get(account, 0)

    def locked_on(self, account: str) -> int:
        """Return how much of an account is locked."""
        if self.locked is None:
            raise ReadMore(Reads(with_locks=True))
        return self.locked.get(account, 0)

    def grant(self, account: str) -> Grant | None:
        """Find a coupon grant by its account.

        It is active, or the bet at hand was paid from it.
        """
        if not is_grant(account):
            return None
        return next((grant for grant in self.grants if grant.account == account), None)

    def has_active_rolling(self, account: str, *, besides: str | None = None) -> bool:
        """Tell whether a rolling other than `besides` is still active on this account."""
        return any(
            owed.account == account and owed.rolling_id != besides for owed in self.obligations
        )


class ActivePair(msgspec.Struct, frozen=True):
    """The active topology and policy documents."""

    topology: Topology
    policy: Policy

    def has_bucket(self, account: str) -> bool:
        """Tell whether a bucket's account is of the active topology."""
        code, _, bucket = account.partition("/")
        return code == self.topology.code and self.topology.bucket(bucket) is not None

    @property
    def reference(self) -> "PairReference":
        """Code and version of both, as every record carries them."""
        return PairReference(
            self.topology.code, self.topology.version, self.policy.policy_key, self.policy.version
        )


class PairReference(msgspec.Struct, frozen=True):
    """The codes and versions under which a record was written."""

    topology_code: str
    topology_version: int
    policy_key: str
    policy_version: int


class Request(msgspec.Struct, frozen=True):
    """A request for a money command: its caller, request id and fingerprint."""

    brand_id: UUID
    player_id: UUID
    caller: str
    route: str
    request_id: str
    fingerprint: str
    transaction_id: UUID
    canary_token: str | None = None
    fence_token: int | None = None
