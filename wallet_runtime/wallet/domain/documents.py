"""Typed topology and policy documents (A7-1).

A topology lists the buckets of a wallet, and a policy says how they are used.

Documents are read strictly: an unknown field, a missing field or a wrong type raises
`DocumentInvalid` with its path. Rules between fields are in `validation`.
"""

from inspect import cleandoc
from itertools import islice
from typing import Annotated, Any, Literal, TypeVar

import msgspec

from wallet_runtime.wallet.domain.structure import FAULTS_MAX, Fault, faults

SCHEMA_DIALECT = "https://json-schema.org/draft/2020-12/schema"

BucketKind = Literal["normal", "bonus", "withdrawable", "points"]
ProviderType = Literal["SPORTS", "LIVE", "SLOTS"]
WithdrawableUse = Literal["not_usable", "last", "first"]
ScopeKind = Literal["sports", "casino", "provider", "all_games"]
STAKEABLE_KINDS: tuple[BucketKind, ...] = ("normal", "bonus", "withdrawable")
VERSION_MAX = 2**31 - 1
Version = Annotated[int, msgspec.Meta(ge=1, le=VERSION_MAX)]
# Only one case and no spaces, so that no two names differ by case or spaces alone. The patterns end
# with a lookahead, because JSON Schema has no `\Z`, and `$` would accept a trailing line break.
Code = Annotated[
    str, msgspec.Meta(min_length=1, max_length=64, pattern=r"^[A-Z][A-Z0-9_]*(?![\s\S])")
]
PolicyKey = Annotated[
    str, msgspec.Meta(min_length=1, max_length=64, pattern=r"^[a-z][a-z0-9_-]*(?![\s\S])")
]
NO_LIMIT = "none"
# This destination is the coupon grant itself, so no bucket or topology may have this code.
GRANT = "GRANT"
D = TypeVar("D", "Topology", "Policy")


class DocumentInvalid(Exception):
    """The document does not have the published structure (A7-1)."""

    def __init__(self, found: tuple[Fault, ...]) -> None:
        """Keep every fault of the document, each with its path."""
        self.faults = found
        super().__init__(
            "; ".join(f"{fault.path or 'the document'}: {fault.message}" for fault in found)
        )


class Bucket(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One kind of money a player can hold, and the provider types that may stake it."""

    code: Code
    kind: BucketKind
    provider_types: tuple[ProviderType, ...] = ()


class TransferEdge(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A way along which a player may move money between two buckets."""

    from_bucket: str
    to_bucket: str
    active: bool = True
    rolling: Literal["inherit", "generate"] = "inherit"


class PointsTarget(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A bucket that points may become money in, and its rate.

    The rate is so many minor units, per currency, for every `per_points` points.
    """

    bucket: str
    minor_units_per_point: dict[str, Annotated[int, msgspec.Meta(ge=1)]] = {}
    per_points: Annotated[int, msgspec.Meta(ge=1)] = 1


class Topology(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A wallet shape: code, version, buckets, edges and points targets."""

    code: Code
    version: Version
    buckets: tuple[Bucket, ...]
    transfer_edges: tuple[TransferEdge, ...] = ()
    points_targets: tuple[PointsTarget, ...] = ()

    def bucket(self, code: str) -> Bucket | None:
        """Find a bucket by its code."""
        return next((bucket for bucket in self.buckets if bucket.code == code), None)

    def codes_of(self, *kinds: BucketKind) -> list[str]:
        """List the codes of the buckets of these kinds."""
        return [bucket.code for bucket in self.buckets if bucket.kind in kinds]

    def account(self, bucket_code: str) -> str:
        """Name the ledger account of a bucket: `RUBY_SPLIT_V1/SPORTS_NORMAL`."""
        return f"{self.code}/{bucket_code}"

    @property
    def withdrawable(self) -> Bucket:
        """The bucket of money that is free of turnover. Validation ensures that there is one."""
        return next(bucket for bucket in self.buckets if bucket.kind == "withdrawable")

    @property
    def withdrawable_account(self) -> str:
        """The ledger account of the withdrawable bucket."""
        return self.account(self.withdrawable.code)


class TopologyReference(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The topology that a policy is written for."""

    code: Code
    version: Version


class FundingRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The way a bet of one provider type is paid.

    From the sources in order, or from the one that the player picks.

    `max_bet_under_bonus` names, for every currency, the most that a bet with any bonus or coupon
    money may stake, or `none`.
    """

    mode: Literal["combined", "selection"]
    sources: tuple[str, ...]
    withdrawable: WithdrawableUse = "last"
    max_bet_under_bonus: dict[str, str] = {}


class Destination(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where winnings of a source go while its rolling is active, and after it is done."""

    before: str
    after: str


class CouponRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How coupon grants are used.

    `place` says whether grants pay before or after a combined rule's own sources; `withdrawable`
    keeps its own place around both. `winnings` says per provider type where a grant's winnings go
    while its rolling is active and after: `GRANT`, the grant itself (also where a provider type is
    not named), or a normal bucket. `rolling` is the multiple of the amount that a coupon of each
    scope asks for; a scope that is not named is not offered. `release_cap` is the most that
    completing it releases, as a multiple of the amount; a scope that is not named has no cap.
    """

    place: Literal["first", "last"] = "first"
    winnings: dict[str, Destination] = {}
    rolling: dict[ScopeKind, str] = {}
    release_cap: dict[ScopeKind, str] = {}


class RollingRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Turnover that money must make before it is withdrawable.

    It is a multiple of the amount ("1", "2.5").

    `transfer` is for edges that generate a rolling; a bucket that it does not name takes the
    multiple of a deposit. `bonus_cap` is the most that completing a bonus releases, as a multiple
    of it; the rest goes back to PROMO.
    """

    deposit: dict[str, str] = {}
    bonus: dict[str, str] = {}
    points: dict[str, str] = {}
    transfer: dict[str, str] = {}
    bonus_cap: dict[str, str] = {}


class TurnoverRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which settled bets count as turnover.

    Without `pushes`, a bet whose payout equals its stake is left out: a push, a void, both sides of
    a game. A bet whose provider sent a price below `minimum_price` ("1.50") is left out, too; one
    without a price is not.
    """

    pushes: bool = True
    minimum_price: str | None = None


class WinRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Wins beside the payout of a bet.

    `winnings_of` names, per provider type, the source whose winnings a win without a stake counts
    as: it goes to that source's destination. `further_max` is the most, per currency, that one
    further win on a settled bet may be, or `none`. Anything else is not offered.
    """

    winnings_of: dict[str, str] = {}
    further_max: dict[str, str] = {}


class Policy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the buckets of one topology version are used."""

    policy_key: PolicyKey
    version: Version
    topology: TopologyReference
    funding: dict[str, FundingRule]
    destinations: dict[str, Destination]
    rolling: RollingRule = RollingRule()
    points_targets: tuple[str, ...] = ()
    coupons: CouponRule = CouponRule()
    turnover: TurnoverRule = TurnoverRule()
    wins: WinRule = WinRule()


def read_topology(document: object) -> Topology:
    """Decode a topology document; raise `DocumentInvalid` with every fault and its path."""
    return _read(document, Topology)


def read_policy(document: object) -> Policy:
    """Decode a policy document; raise `DocumentInvalid` with every fault and its path."""
    return _read(document, Policy)


def published_schema(kind: type[Topology] | type[Policy]) -> dict[str, Any]:
    """Return the JSON Schema of a document, as it is published."""
    shown: dict[str, Any] = _dedented(msgspec.json.schema(kind))
    return {"$schema": SCHEMA_DIALECT, **shown}


def _dedented(part: Any) -> Any:
    """Remove the indentation of docstrings from the descriptions of a schema.

    Python 3.13 removes it itself, earlier versions do not.
    """
    if isinstance(part, dict):
        return {
            name: cleandoc(value)
            if name == "description" and isinstance(value, str)
            else _dedented(value)
            for name, value in part.items()
        }
    return [_dedented(item) for item in part] if isinstance(part, list) else part


def _read(document: object, kind: type[D]) -> D:
    try:
        return msgspec.convert(document, kind)
    except msgspec.ValidationError as error:
        found = tuple(islice(faults(document, kind), FAULTS_MAX))
        raise DocumentInvalid(found or (Fault("", str(error)),)) from None
