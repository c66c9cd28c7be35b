"""Save the environment's topology seed and its policies as drafts.

When: on a fresh environment, before the first activation (LOC-3). Blast radius: drafts only; only
the active pair moves money. Undo: not needed, a draft that is never activated does nothing.
"""

from dataclasses import dataclass
from typing import Literal

from commands._pairs import active_pair, refuse_unless_in_force
from rubyops.effects.service_call import CallService
from rubyops.errors import Refused
from rubyops.model.step import Command, NoOp, Planned, option
from rubyops.ports import Read, Row
from wallet_runtime.contract.documents import DEFAULT_POLICY_KEY, RUBY_SPLIT_V1, RUBY_UNIFIED_V1
from wallet_runtime.contract.processes import WALLET_SERVICE

SEED_PATHS = {
    RUBY_SPLIT_V1: "/internal/wallet/topology/seed-ruby-split-v1",
    RUBY_UNIFIED_V1: "/internal/wallet/topology/seed-ruby-unified-v1",
}

# The topology versions of each seed. Each version comes with a policy of the same number.
SEED_VERSIONS = {RUBY_SPLIT_V1: (1, 2), RUBY_UNIFIED_V1: (1,)}


@dataclass(frozen=True)
class Params:
    """The code of the seed; an empty code means the environment's topology."""

    code: Literal["", "RUBY_SPLIT_V1", "RUBY_UNIFIED_V1"] = option(
        "which seed; the environment's own when left out", ""
    )


def plan(params: Params, read: Read) -> Planned | NoOp:
    """Plan to save the seed's drafts, or do nothing when all are saved.

    Refuses when another seed is saved here.
    """
    code = params.code or read.environment.topology
    saved = read.rows("facts_topologies")
    _refuse_second_seed(code, saved)
    without_policy = _without_policy(code, saved, read)
    if not saved or without_policy:
        effect = CallService(WALLET_SERVICE, "POST", SEED_PATHS[code])
        return Planned((effect,), {"topology": code})
    present = active_pair(read)
    if present is not None:
        refuse_unless_in_force(present, read)
    versions = ", ".join(f"v{row['version']}" for row in saved)
    return NoOp(f"{code} {versions} is saved, its policies too")


def _without_policy(code: str, saved: list[Row], read: Read) -> set[int]:
    """Return the saved versions of the seed whose policies are not saved."""
    seeded = {row["version"] for row in saved} & set(SEED_VERSIONS[code])
    return seeded - {row["version"] for row in _policies(code, read)}


def _refuse_second_seed(code: str, saved: list[Row]) -> None:
    others = sorted({row["code"] for row in saved} - {code})
    if others:
        raise Refused(
            f"Seeding {code} refused: {', '.join(others)} is loaded here, and an environment has "
            "exactly one seed (LOC-3). Show the other topology in an environment of its own.",
            next_command="rubyops --help",
        )


def _policies(code: str, read: Read) -> list[Row]:
    """Return the saved policies of the seed.

    Raises `Refused` when another topology already has a policy under these versions.
    """
    policies = [
        row
        for row in read.rows("facts_policies")
        if row["policy_key"] == DEFAULT_POLICY_KEY and row["version"] in SEED_VERSIONS[code]
    ]
    taken = [
        f"v{row['version']} for {row['topology_code']}"
        for row in policies
        if row["topology_code"] != code
    ]
    if taken:
        raise Refused(
            f"Seeding {code} refused: policy {DEFAULT_POLICY_KEY} is stored as {', '.join(taken)}, "
            "so the seed would have no policy. Show this topology in an environment of its own.",
            next_command="rubyops policy show",
        )
    return policies


COMMAND = Command("topology-seed", Params, plan)
