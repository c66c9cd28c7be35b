"""The state on which a decision is made, as `wallet.read_state` returns it.

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
    """The stored answer to an earlier request with this request id."""

    fingerprint: str
    status: int
    body: Answer


class Player(msgspec.Struct, frozen=True):
    """The player's wallet row. A command is written only if `version` has not changed."""

    currency: str
    status: str
    canary: bool
    version: int


class Cash(msgspec.Struct, frozen=True):
    """The cash accounts of a player; both are zero before the first movement."""

    available: int = 0
    pending: int = 0


class Obligation(msgspec.Struct, frozen=True):
    """An active rolling of a bucket or grant, or a rolling that was read by its id.

    `cap` is the most that completion releases; None is no limit. `earned` is the amount of
    completed rollings that will be released with this one.
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
        """The amount of this rolling and of the completed rollings to be released with it."""
        return self.amount + self.earned

    @property
    def account(self) -> str:
        """The account under this rolling: a bucket, or the rolling's coupon grant."""
        return (
            f"{GRANT}/{self.grant_id}"
            if self.grant_id
            else f"{self.topology_code}/{self.bucket_type_code}"
        )


class Scope(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The games in which a coupon may be staked.

    Only the kind `provider` has `provider_ids`.
    """

    kind: ScopeKind
    provider_ids: tuple[str, ...] = ()


def is_grant(account: str) -> bool:
    """Tell whether an account is a coupon grant and not a bucket."""
    return account.startswith(f"{GRANT}/")


class Grant(msgspec.Struct, frozen=True):
    """A coupon grant: a row with its own balance.

    `lapsed` says that its expiry has passed, even if `state` is still ACTIVE.
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
    """The part of a stake or payout that belongs to one account."""

    account: str
    amount: int


class PolicySnapshot(msgspec.Struct, frozen=True):
    """The part of the policy that settles a bet, fixed when the bet was authorized.

    `destinations` maps each account of the funding to two accounts: where winnings go while its
    rolling is active, and afterwards. `reaches` lists every bucket that settlement or rollback may
    pay, for A7-8. `withdrawable` receives the share of a completed grant. `counts` says how the bet
    counts as turnover, and `price` is the price that the provider sent.
    """

    destinations: dict[str, tuple[str, str]] = {}
    reaches: tuple[str, ...] = ()
    withdrawable: str = ""
    counts: Counting = "always"
    price: str | None = None


class Authorization(msgspec.Struct, frozen=True):
    """A stored bet. Settlement and rollback follow its funding and policy snapshot."""

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
    """A stored bonus.

    `low_water` is the least that its bucket has held since the bonus came in (None: it never did).
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
        """The bucket account that the bonus was issued to."""
        return f"{self.topology_code}/{self.bucket_type_code}"


class Adjustment(msgspec.Struct, frozen=True):
    """A stored adjustment; `amount` is negative for a debit of the account."""

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
    """A campaign of wins without a stake. `expired` says that `expires_at` has passed."""

    campaign_code: str
    provider_id: str
    currency: str
    cap: int
    cap_per_win: int
    spent: int
    expires_at: str
    expired: bool = False


class Win(msgspec.Struct, frozen=True):
    """A stored win.

    `low_water` is the least that each account has held since it received its share.
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
        """The pair under which the win was paid."""
        return PairReference(
            self.topology_code, self.topology_version, self.policy_key, self.policy_version
        )


class ReferenceUse(msgspec.Struct, frozen=True):
    """The award or bonus that used a reference."""

    player_id: str
    transaction_id: str


class State(msgspec.Struct, frozen=True):
    """The state that one decision may use.

    `cash` and `obligations` are empty for a bet's authorization, which reads neither of them.
    `had_grants` says that the player has, or had, a coupon.

    The command's `Reads` have to name these parts:
    - `round`, `staked`: open stakes per account, of one round or of all bets (None: not read)
    - `locked`: the locked amount per account (None: not read)
    - `low_water`: the least that each account has held since a settled bet paid winnings to it
    - `lifted`: the amount per account that this bet's settlement unlocked
    - `lapsed`: accounts with a rolling that was canceled or expired after this bet was made
    - `choice`: the source that the player picked (None: none)
    - `further_wins`: the sum of wins on this bet that were paid and not reversed
    - `reference`: the earlier use of the command's reference (None: there is none)
    - `open_turnover`: turnover that is still open at least, on the account of a rolling or bonus
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
        """Return the balance of a bucket or grant; an unused account holds 0."""
        grant = self.grant(account)
        return grant.balance if grant is not None else self.buckets.get(account, 0)

    def staked_in_round(self, round_id: str) -> dict[str, int]:
        """Return the open stakes of a round per account."""
        if self.round is None:
            raise ReadMore(Reads(round_id=round_id))
        return self.round

    def staked_on(self, account: str) -> int:
        """Return the open stakes that an account has paid."""
        if self.staked is None:
            raise ReadMore(Reads(with_stakes=True))
        return self.staked.get(account, 0)

    def locked_on(self, account: str) -> int:
        """Return the locked amount of an account."""
        if self.locked is None:
            raise ReadMore(Reads(with_locks=True))
        return self.locked.get(account, 0)

    def grant(self, account: str) -> Grant | None:
        """Find the coupon grant of an account, among active ones and those that paid the bet."""
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
        """Tell whether the active topology has the bucket of this account."""
        code, _, bucket = account.partition("/")
        return code == self.topology.code and self.topology.bucket(bucket) is not None

    @property
    def reference(self) -> "PairReference":
        """The codes and versions of both documents, as records store them."""
        return PairReference(
            self.topology.code, self.topology.version, self.policy.policy_key, self.policy.version
        )


class PairReference(msgspec.Struct, frozen=True):
    """The codes and versions of a topology and of its policy."""

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
