"""Validates a topology alone: its buckets, edges and rates of points (A7-1, A7-6, A7-7)."""

from collections.abc import Iterator

from wallet_runtime.contract.money import CURRENCY_EXPONENTS
from wallet_runtime.wallet.domain.documents import GRANT, Bucket, PointsTarget, Topology
from wallet_runtime.wallet.domain.violations import Violation

# Accounts of grants and of cash begin with these codes. A bucket's begins with its topology's code.
RESERVED_CODES = (GRANT, "CASH")


def buckets_rules(topology: Topology) -> Iterator[Violation]:
    """Yield violations in the codes, kinds and provider types of buckets."""
    codes = [bucket.code for bucket in topology.buckets]
    for index, bucket in enumerate(topology.buckets):
        path = f"topology.buckets[{index}]"
        if codes.index(bucket.code) != index:
            yield Violation("A7-1", f"{path}.code", f"bucket code {bucket.code!r} stands twice")
        yield from _serves(bucket, path)
    yield from _exactly_one(topology)
    yield from _reserved(topology)


def _serves(bucket: Bucket, path: str) -> Iterator[Violation]:
    if bucket.kind in ("normal", "bonus") and not bucket.provider_types:
        message = f"bucket {bucket.code} of kind {bucket.kind} serves no provider type"
        yield Violation("A7-1", f"{path}.provider_types", message)


def _exactly_one(topology: Topology) -> Iterator[Violation]:
    for kind in ("withdrawable", "points"):
        found = [bucket.code for bucket in topology.buckets if bucket.kind == kind]
        if len(found) != 1:
            message = f"exactly one {kind} bucket is needed, found {found or 'none'}"
            yield Violation("A7-1", "topology.buckets", message)


def _reserved(topology: Topology) -> Iterator[Violation]:
    for index, bucket in enumerate(topology.buckets):
        if bucket.code == GRANT:
            message = f"{GRANT} names coupon grants; call the bucket otherwise"
            yield Violation("A7-1", f"topology.buckets[{index}].code", message)
    if topology.code in RESERVED_CODES:
        message = f"{' and '.join(RESERVED_CODES)} name other accounts; call the topology otherwise"
        yield Violation("A7-1", "topology.code", message)


def rates_rules(topology: Topology) -> Iterator[Violation]:
    """Yield violations in the targets and rates of points."""
    buckets = [target.bucket for target in topology.points_targets]
    for index, target in enumerate(topology.points_targets):
        path = f"topology.points_targets[{index}]"
        if target.bucket in buckets[:index]:
            message = (
                f"points target {target.bucket!r} stands twice, and only the first would count"
            )
            yield Violation("A7-6", f"{path}.bucket", message)
        yield from _currencies(target, f"{path}.minor_units_per_point")


def _currencies(target: PointsTarget, path: str) -> Iterator[Violation]:
    for currency in target.minor_units_per_point:
        if currency not in CURRENCY_EXPONENTS:
            message = f"{currency!r} is not a currency of this platform"
            yield Violation("A7-6", f"{path}.{currency}", message)


def edges_rules(topology: Topology) -> Iterator[Violation]:
    """Yield violations in the ends of edges."""
    for index, edge in enumerate(topology.transfer_edges):
        path = f"topology.transfer_edges[{index}]"
        if edge.active:
            yield from _end(topology, edge.from_bucket, f"{path}.from_bucket")
            yield from _end(topology, edge.to_bucket, f"{path}.to_bucket")
        if edge.from_bucket == edge.to_bucket:
            yield Violation("A7-7", path, f"edge joins {edge.from_bucket!r} with itself")


def _end(topology: Topology, code: str, path: str) -> Iterator[Violation]:
    bucket = topology.bucket(code)
    if bucket is None:
        yield Violation("A7-7", path, f"active edge joins {code!r}, which is not a bucket")
    elif bucket.kind == "points":
        yield Violation(
            "A7-7", path, f"active edge joins {code!r}: points are no money to transfer"
        )
