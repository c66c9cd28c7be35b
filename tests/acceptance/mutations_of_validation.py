"""Broken rules of what a topology and a policy may say, and of when they may be activated."""

from collections.abc import Iterator
from functools import partial
from typing import Any

from tests.acceptance.swap import MUTATIONS, Rule, broken, swap

VALIDATION = "wallet_runtime.wallet.domain.validation"

# Validation takes points for money that can be bet.
MUTATIONS["points may be staked"] = partial(
    swap, VALIDATION, "STAKEABLE_KINDS", lambda kinds: (*kinds, "points")
)


@broken("points may become withdrawable", VALIDATION, "_points_targets")
def points_may_become_withdrawable(
    points_targets: Rule, topology: Any, policy: Any
) -> Iterator[Any]:
    """Validation does not look at what points are turned into."""
    return iter(())


@broken("anything may be stranded", VALIDATION, "validate_live_state")
def anything_may_be_stranded(
    validate_live_state: Rule, topology: Any, active: Any, references: Any
) -> list[Any]:
    """Validation does not look at what players hold."""
    return []


@broken("meaning may change", VALIDATION, "_reachable")
def a_bucket_in_use_may_change_its_kind(reachable: Rule, *given: Any) -> Iterator[Any]:
    """Validation still sees one that goes missing."""
    return (found for found in reachable(*given) if "change its meaning" not in found.message)
