"""The two documents that shape a wallet, typed: a topology says which buckets there are, a policy how they are used (A7-1).

A document is what was published and activated, so it is read strictly: an unknown field, a missing one or a wrong type is
a `DocumentInvalid` that names the path. Rules between fields live in `validation`.
"""

from typing import Literal, TypeVar

import msgspec

BucketKind = Literal["normal", "bonus", "withdrawable", "points"]
ProviderType = Literal["SPORTS", "LIVE", "SLOTS"]
WithdrawableUse = Literal["not_usable", "last", "first"]
STAKEABLE_KINDS = ("normal", "bonus", "withdrawable")
D = TypeVar("D", "Topology", "Policy")


class DocumentInvalid(Exception):
    """The document does not have the published structure (A7-1)."""


class Bucket(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One kind of money a player can hold, and the provider types that may stake it."""

    code: str
    kind: BucketKind
    provider_types: tuple[ProviderType, ...] = ()


class TransferEdge(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A way along which a player may move money between two buckets."""

    from_bucket: str
    to_bucket: str
    active: bool = True
    rolling: Literal["inherit", "generate"] = "inherit"


class PointsTarget(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A bucket that points may become money in: `minor_units_per_point` per currency."""

    bucket: str
    minor_units_per_point: dict[str, int] = {}


class Topology(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A wallet shape: code, version, buckets, edges and points targets."""

    code: str
    version: int
    buckets: tuple[Bucket, ...]
    transfer_edges: tuple[TransferEdge, ...] = ()
    points_targets: tuple[PointsTarget, ...] = ()

    def bucket(self, code: str) -> Bucket | None:
        """Find a bucket by its code."""
        return next((bucket for bucket in self.buckets if bucket.code == code), None)

    def account(self, bucket_code: str) -> str:
        """Name the ledger account of a bucket: `RUBY_SPLIT_V1/SPORTS_NORMAL`."""
        return f"{self.code}/{bucket_code}"

    @property
    def withdrawable(self) -> Bucket:
        """The bucket that finished money goes to; validation promises exactly one."""
        return next(bucket for bucket in self.buckets if bucket.kind == "withdrawable")


class TopologyReference(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The topology that a policy is written for."""

    code: str
    version: int


class FundingRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a bet of one provider type is paid: from the sources in order, or from the one that the player picks."""

    mode: Literal["combined", "selection"]
    sources: tuple[str, ...]
    withdrawable: WithdrawableUse = "last"
    max_bet_under_bonus: dict[str, str] = {}


class Destination(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where winnings of a source go while its rolling is active, and after it is done."""

    before: str
    after: str


class RollingRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Turnover that money must make before it is withdrawable, as a multiple of the amount ("1", "2.5")."""

    deposit: dict[str, str] = {}
    bonus: dict[str, str] = {}
    points: dict[str, str] = {}


class Policy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the buckets of one topology version are used."""

    policy_key: str
    version: int
    topology: TopologyReference
    funding: dict[str, FundingRule]
    destinations: dict[str, Destination]
    rolling: RollingRule = RollingRule()
    points_targets: tuple[str, ...] = ()


def read_topology(document: object) -> Topology:
    """Type a topology document; raise `DocumentInvalid` with the path of the first fault."""
    return _read(document, Topology)


def read_policy(document: object) -> Policy:
    """Type a policy document; raise `DocumentInvalid` with the path of the first fault."""
    return _read(document, Policy)


def _read(document: object, kind: type[D]) -> D:
    try:
        return msgspec.convert(document, kind)
    except msgspec.ValidationError as error:
        raise DocumentInvalid(str(error)) from None
