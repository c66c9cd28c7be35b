"""The rules that a topology and its policy must keep before activation (A7-1 to A7-8).

Every rule is a generator of violations. All violations are reported together, each with its path in
the document.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence

import msgspec

from wallet_runtime.contract.money import CURRENCY_EXPONENTS
from wallet_runtime.contract.providers import PROVIDER_TYPES
from wallet_runtime.wallet.domain.documents import (
    NO_LIMIT,
    STAKEABLE_KINDS,
    Bucket,
    D,
    DocumentInvalid,
    FundingRule,
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
from wallet_runtime.wallet.domain.topology_rules import buckets_rules, edges_rules, rates_rules
from wallet_runtime.wallet.domain.violations import Violation


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
    topology, violations = _read("topology", topology_document, read_topology)
    policy: Policy | None = None
    if policy_document is not None:
        policy, policy_faults = _read("policy", policy_document, read_policy)
        violations += policy_faults
    if topology is not None:
        violations += _validate(topology, policy)
    return topology, violations


def _validate(topology: Topology, policy: Policy | None) -> list[Violation]:
    if policy is not None:
        return validate_pair(topology, policy)
    return [*buckets_rules(topology), *rates_rules(topology), *edges_rules(topology)]


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
        *buckets_rules(topology),
        *_policy_targets_topology(topology, policy),
        *_every_provider_type_is_funded(topology, policy),
        *_destinations(topology, policy),
        *_points_targets(topology, policy),
        *rates_rules(topology),
        *edges_rules(topology),
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


def _policy_targets_topology(topology: Topology, policy: Policy) -> Iterator[Violation]:
    wanted, found = policy.topology, (topology.code, topology.version)
    if (wanted.code, wanted.version) != found:
        message = (
            f"the policy is for {wanted.code} version {wanted.version}, "
            f"not for {topology.code} version {topology.version}"
        )
        yield Violation("A7-2", "policy.topology", message)


def _every_provider_type_is_funded(topology: Topology, policy: Policy) -> Iterator[Violation]:
    for provider_type in PROVIDER_TYPES:
        if provider_type not in policy.funding:
            message = f"provider type {provider_type} has no funding rule"
            yield Violation("A7-3", f"policy.funding.{provider_type}", message)
    for provider_type, rule in policy.funding.items():
        yield from _funding(topology, provider_type, rule)


def _funding(topology: Topology, provider_type: str, rule: FundingRule) -> Iterator[Violation]:
    path = f"policy.funding.{provider_type}"
    if provider_type not in PROVIDER_TYPES:
        known = ", ".join(PROVIDER_TYPES)
        message = f"{provider_type!r} is not a provider type; known are {known}"
        yield Violation("A7-3", path, message)
    yield from _sources(topology, provider_type, rule, f"{path}.sources")
    yield from _limits(f"{path}.max_bet_under_bonus", rule.max_bet_under_bonus)


def _sources(
    topology: Topology, provider_type: str, rule: FundingRule, path: str
) -> Iterator[Violation]:
    if not rule.sources and rule.withdrawable == "not_usable":
        yield Violation("A7-3", path, "the rule has no source at all")
    for index, source in enumerate(rule.sources):
        yield from _source(topology, provider_type, f"{path}[{index}]", source)
        if source in rule.sources[:index]:
            yield Violation("A7-3", f"{path}[{index}]", f"source {source!r} stands twice")


def _source(topology: Topology, provider_type: str, path: str, source: str) -> Iterator[Violation]:
    bucket = topology.bucket(source)
    if bucket is None:
        message = f"source {source!r} is not a bucket of {topology.code} version {topology.version}"
        yield Violation("A7-4", path, message)
    elif bucket.kind not in STAKEABLE_KINDS:
        message = f"source {source!r} is of kind {bucket.kind}, which can never be staked"
        yield Violation("A7-4", path, message)
    elif bucket.kind == "withdrawable":
        message = "the withdrawable bucket is placed by the rule's `withdrawable`,"
        yield Violation("A7-3", path, f"{message} not listed as a source")
    elif provider_type not in bucket.provider_types:
        message = f"bucket {source} does not serve provider type {provider_type}"
        yield Violation("A7-3", path, message)


def _limits(path: str, limits: Mapping[str, str]) -> Iterator[Violation]:
    for currency in CURRENCY_EXPONENTS:
        if currency not in limits:
            message = f'a limit in {currency}, or "{NO_LIMIT}", has to be named'
            yield Violation("A7-3", f"{path}.{currency}", message)
    yield from amount_rules(path, limits)


def _destinations(topology: Topology, policy: Policy) -> Iterator[Violation]:
    for bucket in topology.buckets:
        if bucket.kind in STAKEABLE_KINDS and bucket.code not in policy.destinations:
            message = f"winnings of {bucket.code} have no destination"
            yield Violation("A7-5", f"policy.destinations.{bucket.code}", message)
    for source, destination in policy.destinations.items():
        path = f"policy.destinations.{source}"
        yield from _destination(topology, source, destination.before, f"{path}.before")
        yield from _destination(topology, source, destination.after, f"{path}.after")


def _destination(
    topology: Topology, source_code: str, target_code: str, path: str
) -> Iterator[Violation]:
    source, target = topology.bucket(source_code), topology.bucket(target_code)
    if source is None or source.kind not in STAKEABLE_KINDS:
        yield Violation("A7-5", path, f"{source_code!r} is not a bucket that can be staked")
    elif target is None:
        message = f"destination {target_code!r} is not a bucket of {topology.code} version"
        yield Violation("A7-5", path, f"{message} {topology.version}")
    elif source.kind == "bonus":
        yield from _bonus_destination(source, target, path)
    elif target.kind not in ("normal", "withdrawable"):
        message = f"{source_code} winnings go to a normal or withdrawable bucket,"
        yield Violation("A7-5", path, f"{message} not to {target_code} ({target.kind})")


def _bonus_destination(source: Bucket, target: Bucket, path: str) -> Iterator[Violation]:
    if target.code != source.code and target.kind != "normal":
        message = f"winnings of {source.code} stay there or go to a normal bucket,"
        yield Violation("A7-5", path, f"{message} not to {target.code} ({target.kind})")


def _points_targets(topology: Topology, policy: Policy) -> Iterator[Violation]:
    known = [target.bucket for target in topology.points_targets]
    for index, code in enumerate(known):
        yield from _points_target(topology, known, code, f"topology.points_targets[{index}].bucket")
    for index, code in enumerate(policy.points_targets):
        yield from _points_target(topology, known, code, f"policy.points_targets[{index}]")


def _points_target(
    topology: Topology, known: Sequence[str], code: str, path: str
) -> Iterator[Violation]:
    bucket = topology.bucket(code)
    if bucket is None or bucket.kind != "normal":
        message = f"points target {code!r} is not a normal bucket of {topology.code} version"
        yield Violation("A7-6", path, f"{message} {topology.version}")
    elif code not in known:
        yield Violation("A7-6", path, f"points target {code!r} is not offered by the topology")


def _reachable(
    topology: Topology, active: Topology | None, reference: LiveReference
) -> Iterator[Violation]:
    code, bucket_code = reference.topology_code, reference.bucket_type_code
    held = f"{reference.references_count} x {reference.held_by} in {code}/{bucket_code or 'grants'}"
    if code != topology.code:
        message = f"{held} would be out of reach: the active code would be {topology.code}"
        yield Violation("A7-8", "topology.code", message)
    elif bucket_code:
        yield from _still_there(topology, active, bucket_code, held)


def _still_there(
    topology: Topology, active: Topology | None, code: str, held: str
) -> Iterator[Violation]:
    new, old = topology.bucket(code), _active_bucket(topology, active, code)
    if new is None:
        message = f"{held} would be out of reach: the bucket is missing"
        yield Violation("A7-8", "topology.buckets", message)
    elif old is not None and _meaning(new) != _meaning(old):
        path = f"topology.buckets[{topology.buckets.index(new)}]"
        message = f"{held} would change its meaning: kind or provider types differ"
        yield Violation("A7-8", path, message)


def _active_bucket(topology: Topology, active: Topology | None, code: str) -> Bucket | None:
    if active is None or active.code != topology.code:
        return None
    return active.bucket(code)


def _meaning(bucket: Bucket) -> tuple[str, frozenset[str]]:
    return bucket.kind, frozenset(bucket.provider_types)
