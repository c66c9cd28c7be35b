"""What a decision is made on, as `wallet.read_state` returns it, and who asks. Amounts are minor units."""

from typing import Any
from uuid import UUID

import msgspec

from wallet_runtime.wallet.domain.documents import Policy, Topology


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
    body: dict[str, Any]


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
    """A rolling that a bucket still owes, or one that was asked for by id."""

    rolling_id: str
    topology_code: str
    bucket_type_code: str
    amount: int
    state: str = "ACTIVE"
    player_id: str = ""


class Share(msgspec.Struct, frozen=True):
    """A part of a stake or payout and the account it belongs to."""

    account: str
    amount: int


class PolicySnapshot(msgspec.Struct, frozen=True):
    """What settlement of a bet needs of the policy, fixed when the bet was authorized.

    `destinations` maps each funding account to (account while its rolling is active, account after). `reaches` lists
    every account that settlement or rollback may pay, for A7-8.
    """

    destinations: dict[str, tuple[str, str]] = {}
    reaches: tuple[str, ...] = ()


class Authorization(msgspec.Struct, frozen=True):
    """A stored `wallet_bet_authorization`: its funding and snapshot decide settlement and rollback, nothing else does."""

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


class State(msgspec.Struct, frozen=True):
    """Everything one decision may look at."""

    gate: Gate
    buckets: dict[str, int]
    obligations: tuple[Obligation, ...]
    open_stakes: int = 0
    stored: Stored | None = None
    player: Player | None = None
    cash: Cash | None = None
    rolling: Obligation | None = None
    authorization: Authorization | None = None
    cash_transaction: CashTransaction | None = None

    def balance(self, account: str) -> int:
        """Balance of a bucket account; an account never used holds nothing."""
        return self.buckets.get(account, 0)

    def has_active_rolling(self, account: str, *, besides: str | None = None) -> bool:
        """Tell whether a rolling (other than `besides`) is still active on this bucket account."""
        return any(f"{o.topology_code}/{o.bucket_type_code}" == account and o.rolling_id != besides for o in self.obligations)


class ActivePair(msgspec.Struct, frozen=True):
    """The active topology and policy documents."""

    topology: Topology
    policy: Policy

    @property
    def reference(self) -> "PairReference":
        """Code and version of both, as every record carries them."""
        return PairReference(self.topology.code, self.topology.version, self.policy.policy_key, self.policy.version)


class PairReference(msgspec.Struct, frozen=True):
    """The codes and versions under which a record was written."""

    topology_code: str
    topology_version: int
    policy_key: str
    policy_version: int


class Request(msgspec.Struct, frozen=True):
    """Who asks for a money command, under which request id, and with what payload (its fingerprint)."""

    brand_id: UUID
    player_id: UUID
    caller: str
    route: str
    request_id: str
    fingerprint: str
    transaction_id: UUID
    canary_token: str | None = None
