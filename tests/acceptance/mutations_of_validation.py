"""Broken rules for the validation of topologies and policies, and for their activation."""

from collections.abc import Iterator
from functools import partial
from typing import Any

from tests.acceptance.swap import MUTATIONS, Rule, broken, swap

VALIDATION = "wallet_runtime.wallet.domain.validation"

# Validation treats points as money that can be staked.
MUTATIONS["points may be staked"] = partial(
    swap, VALIDATION, "STAKEABLE_KINDS", lambda kinds: (*kinds, "points")
)


@broken("points may become withdrawable", VALIDATION, "_points_targets")
def points_may_become_withdrawable(
    points_targets: Rule, topology: Any, policy: Any
) -> Iterator[Any]:
    """Validation does not check which bucket points are converted into."""
    return iter(())


@broken("anything may be stranded", VALIDATION, "validate_live_state")
def anything_may_be_stranded(
    validate_live_state: Rule, topology: Any, active: Any, references: Any
) -> list[Any]:
    """Validation does not check the money that players hold."""
    return []


@broken("meaning may change", VALIDATION, "_reachable")
def a_bucket_in_use_may_change_its_kind(reachable: Rule, *given: Any) -> Iterator[Any]:
    """Validation lets a bucket with money change its kind, but still refuses to remove one."""
    return (found for found in reachable(*given) if "change its meaning" not in found.message)
