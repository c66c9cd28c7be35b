"""The rules that a topology and its policy must keep before activation (A7-1 to A7-8).

Every rule is a generator of violations. All violations are reported together, each with its path in
the document.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence

import msgspec

from wallet_runtime.contract.money import CURRENCY_EXPONENTS
from wallet_runtime.contract.providers import PROVIDER_TYPES
from wallet_runtime.wallet.domain.documents import (
    GRANT,
    NO_LIMIT,
    STAKEABLE_KINDS,
    D,
    DocumentInvalid,
    Policy,
    Topology,
    read_policy,
    read_topology,
)
from wallet_runtime.wallet.domain.promotion_rules import (
    amount_rules,
    coupons_rules,
    rolling_rules,
    turnover_rules,
    wins_rules,
)
from wallet_runtime.wallet.domain.violations import Violation

# Accounts of grants and of cash begin with these codes. A bucket's begins with its topology's code.
RESERVED_CODES = (GRANT, "CASH")


class LiveReference(msgspec.Struct, frozen=True):
    """The number of balances, grants, open stakes or obligations that refer to a bucket."""

    topology_code: str
    bucket_type_code: str
    held_by: str
    references_count: int


def validate_documents(
    topology_document: object, policy_document: object
) -> tuple[Topology | None, list[Violation]]:
    """Return the topology, if it can be read, and every violation of A7-1 to A7-7.

    The documents are decoded JSON, not checked before.

    Structural faults are reported for both documents. A rule is skipped if it needs a document that
    cannot be read, or a policy that was not sent (None).
    """
    topology, topology_faults = _read("topology", topology_document, read_topology)
    policy, policy_faults = (
        _read("policy", policy_document, read_policy) if policy_document is not None else (None, [])
    )
    violations = [*topology_faults, *policy_faults]
    if topology is not None and policy is not None:
        violations += validate_pair(topology, policy)
    elif topology is not None:
        violations += [*_structure(topology), *_points_rates(topology), *_edges(topology)]
    return topology, violations


def _read(
    name: str, document: object, read: Callable[[object], D]
) -> tuple[D | None, list[Violation]]:
    try:
        return read(document), []
    except DocumentInvalid as error:
        return None, [
            Violation("A7-1", f"{name}.{fault.path}".rstrip("."), fault.message)
            for fault in error.faults
        ]


def validate_pair(topology: Topology, policy: Policy) -> list[Violation]:
    """Return every violation of A7-1 to A7-7 in a topology with its policy."""
    return [
        *_structure(topology),
        *_policy_targets_topology(topology, policy),
        *_every_provider_type_is_funded(topology, policy),
        *_destinations(topology, policy),
        *_points_targets(topology, policy),
        *_points_rates(topology),
        *_edges(topology),
        *rolling_rules(topology, policy),
        *coupons_rules(topology, policy),
        *turnover_rules(policy),
        *wins_rules(topology, policy),
    ]


def validate_live_state(
    topology: Topology, active: Topology | None, references: Sequence[LiveReference]
) -> list[Violation]:
    """Return the violations of A7-8.

    Player money refers to a bucket that the new topology lacks, or whose meaning it changes.
    """
    return [
        violation
        for reference in references
        for violation in _reachable(topology, active, reference)
    ]


def _structure(topology: Topology) -> Iterator[Violation]:
    codes = [bucket.code for bucket in topology.buckets]
    for index, bucket in enumerate(topology.buckets):
        path = f"topology.buckets[{index}]"
        if codes.index(bucket.code) != index:
            yield Violation("A7-1", f"{path}.code", f"bucket code {bucket.code!r} stands twice")
        if bucket.kind in ("normal", "bonus") and not bucket.provider_types:
            yield Violation(
                "A7-1",
                f"{path}.provider_types",
                f"bucket {bucket.code} of kind {bucket.kind} serves no provider type",
            )
    for kind in ("withdrawable", "points"):
        found = [bucket.code for bucket in topology.buckets if bucket.kind == kind]
        if len(found) != 1:
            yield Violation(
                "A7-1",
                "topology.buckets",
                f"exactly one {kind} bucket is needed, found {found or 'none'}",
            )
    for index, bucket in enumerate(topology.buckets):
        if bucket.code == GRANT:
            yield Violation(
                "A7-1",
                f"topology.buckets[{index}].code",
                f"{GRANT} names coupon grants; call the bucket otherwise",
            )
    if topology.code in RESERVED_CODES:
        yield Violation(
            "A7-1",
            "topology.code",
            f"{' and '.join(RESERVED_CODES)} name other accounts; call the topology otherwise",
        )


def _policy_targets_topology(topology: Topology, policy: Policy) -> Iterator[Violation]:
    if (policy.topology.code, policy.topology.version) != (topology.code, topology.version):
        yield Violation(
            "A7-2",
            "policy.topology",
            f"the policy is for {policy.topology.code} version {policy.topology.version}, "
            f"not for {topology.code} version {topology.version}",
        )


def _every_provider_type_is_funded(topology: Topology, policy: Policy) -> Iterator[Violation]:
    for provider_type in PROVIDER_TYPES:
        if provider_type not in policy.funding:
            yield Violation(
                "A7-3",
                f"policy.funding.{provider_type}",
                f"provider type {provider_type} has no funding rule",
            )
    for provider_type, rule in policy.funding.items():
        path = f"policy.funding.{provider_type}"
        if provider_type not in PROVIDER_TYPES:
            yield Violation(
                "A7-3",
                path,
                f"{provider_type!r} is not a provider type; known are {', '.join(PROVIDER_TYPES)}",
            )
        if not rule.sources and rule.withdrawable == "not_usable":
            yield Violation("A7-3", f"{path}.sources", "the rule has no source at all")
        for index, source in enumerate(rule.sources):
            yield from _source(
                topology, provider_type, rule.sources, index, f"{path}.sources[{index}]", source
            )
        yield from _limits(f"{path}.max_bet_under_bonus", rule.max_bet_under_bonus)


def _source(
    topology: Topology,
    provider_type: str,
    sources: tuple[str, ...],
    index: int,
    path: str,
    source: str,
) -> Iterator[Violation]:
    bucket = topology.bucket(source)
    if bucket is None:
        yield Violation(
            "A7-4",
            path,
            f"source {source!r} is not a bucket of {topology.code} version {topology.version}",
        )
    elif bucket.kind not in STAKEABLE_KINDS:
        yield Violation(
            "A7-4", path, f"source {source!r} is of kind {bucket.kind}, which can never be staked"
        )
    elif bucket.kind == "withdrawable":
        yield Violation(
            "A7-3",
            path,
            (
                "the withdrawable bucket is placed by the rule's `withdrawable`,"
                " not listed as a source"
            ),
        )
    elif provider_type not in bucket.provider_types:
        yield Violation(
            "A7-3", path, f"bucket {source} does not serve provider type {provider_type}"
        )
    if sources.index(source) != index:
        yield Violation("A7-3", path, f"source {source!r} stands twice")


def _limits(path: str, limits: Mapping[str, str]) -> Iterator[Violation]:
    for currency in CURRENCY_EXPONENTS:
        if currency not in limits:
            yield Violation(
                "A7-3",
                f"{path}.{currency}",
                f'a limit in {currency}, or "{NO_LIMIT}", has to be named',
            )
    yield from amount_rules(path, limits)


def _destinations(topology: Topology, policy: Policy) -> Iterator[Violation]:
    for bucket in topology.buckets:
        if bucket.kind in STAKEABLE_KINDS and bucket.code not in policy.destinations:
            yield Violation(
                "A7-5",
                f"policy.destinations.{bucket.code}",
                f"winnings of {bucket.code} have no destination",
            )
    for source, destination in policy.destinations.items():
        for when, target in (("before", destination.before), ("after", destination.after)):
            yield from _destination(
                topology, source, target, f"policy.destinations.{source}.{when}"
            )


def _destination(
    topology: Topology, source_code: str, target_code: str, path: str
) -> Iterator[Violation]:
    source, target = topology.bucket(source_code), topology.bucket(target_code)
    if source is None or source.kind not in STAKEABLE_KINDS:
        yield Violation("A7-5", path, f"{source_code!r} is not a bucket that can be staked")
    elif target is None:
        yield Violation(
            "A7-5",
            path,
            (
                f"destination {target_code!r} is not a bucket of {topology.code} version"
                f" {topology.version}"
            ),
        )
    elif source.kind == "bonus" and not (target.code == source.code or target.kind == "normal"):
        yield Violation(
            "A7-5",
            path,
            (
                f"winnings of {source_code} stay there or go to a normal bucket,"
                f" not to {target_code} ({target.kind})"
            ),
        )
    elif source.kind != "bonus" and target.kind not in ("normal", "withdrawable"):
        yield Violation(
            "A7-5",
            path,
            (
                f"{source_code} winnings go to a normal or withdrawable bucket,"
                f" not to {target_code} ({target.kind})"
            ),
        )


def _points_targets(topology: Topology, policy: Policy) -> Iterator[Violation]:
    known = {target.bucket for target in topology.points_targets}
    listed = [
        (f"topology.points_targets[{i}].bucket", target.bucket)
        for i, target in enumerate(topology.points_targets)
    ]
    listed += [
        (f"policy.points_targets[{i}]", code) for i, code in enumerate(policy.points_targets)
    ]
    for path, code in listed:
        bucket = topology.bucket(code)
        if bucket is None or bucket.kind != "normal":
            yield Violation(
                "A7-6",
                path,
                (
                    f"points target {code!r} is not a normal bucket of {topology.code} version"
                    f" {topology.version}"
                ),
            )
        elif code not in known:
            yield Violation("A7-6", path, f"points target {code!r} is not offered by the topology")


def _points_rates(topology: Topology) -> Iterator[Violation]:
    for index, target in enumerate(topology.points_targets):
        path = f"topology.points_targets[{index}]"
        if target.bucket in [other.bucket for other in topology.points_targets[:index]]:
            yield Violation(
                "A7-6",
                f"{path}.bucket",
                f"points target {target.bucket!r} stands twice, and only the first would count",
            )
        for currency in target.minor_units_per_point:
            if currency not in CURRENCY_EXPONENTS:
                yield Violation(
                    "A7-6",
                    f"{path}.minor_units_per_point.{currency}",
                    f"{currency!r} is not a currency of this platform",
                )


def _edges(topology: Topology) -> Iterator[Violation]:
    for index, edge in enumerate(topology.transfer_edges):
        path = f"topology.transfer_edges[{index}]"
        for end, code in (("from_bucket", edge.from_bucket), ("to_bucket", edge.to_bucket)):
            bucket = topology.bucket(code)
            if edge.active and bucket is None:
                yield Violation(
                    "A7-7", f"{path}.{end}", f"active edge joins {code!r}, which is not a bucket"
                )
            elif edge.active and bucket is not None and bucket.kind == "points":
                yield Violation(
                    "A7-7",
                    f"{path}.{end}",
                    f"active edge joins {code!r}: points are no money to transfer",
                )
        if edge.from_bucket == edge.to_bucket:
            yield Violation("A7-7", path, f"edge joins {edge.from_bucket!r} with itself")


def _reachable(
    topology: Topology, active: Topology | None, reference: LiveReference
) -> Iterator[Violation]:
    held = (
        f"{reference.references_count} x {reference.held_by} in"
        f" {reference.topology_code}/{reference.bucket_type_code or 'grants'}"
    )
    if reference.topology_code != topology.code:
        yield Violation(
            "A7-8",
            "topology.code",
            f"{held} would be out of reach: the active code would be {topology.code}",
        )
        return
    if not reference.bucket_type_code:
        return
    new = topology.bucket(reference.bucket_type_code)
    old = (
        active.bucket(reference.bucket_type_code)
        if active is not None and active.code == topology.code
        else None
    )
    if new is None:
        yield Violation(
            "A7-8", "topology.buckets", f"{held} would be out of reach: the bucket is missing"
        )
    elif old is not None and (
        new.kind != old.kind or set(new.provider_types) != set(old.provider_types)
    ):
        index = topology.buckets.index(new)
        yield Violation(
            "A7-8",
            f"topology.buckets[{index}]",
            f"{held} would change its meaning: kind or provider types differ",
        )
