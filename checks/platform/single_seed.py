"""Exactly one topology seed is loaded, and exactly one pair of it is active.

When it fails, two topologies share one environment, or money commands use a policy that was written
for another topology. The key of a bucket contains the topology code, so players cannot reach the
money in buckets of the inactive topology.
"""

from collections.abc import Iterator, Sequence

from checks._answer import all_true
from rubyops.model.finding import Finding
from rubyops.model.step import Check
from rubyops.ports import Read, Row


def run(read: Read) -> Finding:
    """Compare the saved topologies, the active policies and the gate row."""
    wanted, gate = read.environment.topology, read.one("facts_gate")
    saved = read.rows("facts_topologies")
    policies = read.rows("facts_active_policies")
    faults = [*_topology_faults(wanted, saved, gate), *_policy_faults(policies, gate)]
    return all_true(
        faults,
        holds=f"{wanted} v{gate['topology_version']} is the one active seed",
        broken="not exactly one seed",
    )


def _topology_faults(wanted: str, saved: Sequence[Row], gate: Row) -> Iterator[str]:
    codes = sorted({str(row["code"]) for row in saved})
    if codes != [wanted]:
        loaded = ", ".join(codes) or "none"
        yield f"seeds loaded: {loaded}; this environment is for {wanted} alone"
    active = [(row["code"], row["version"]) for row in saved if row["state"] == "ACTIVE"]
    if len(active) != 1:
        yield f"{len(active)} topologies are ACTIVE, expected 1"
    elif active[0] != _topology_of(gate):
        yield f"the gate row says {_named(_topology_of(gate))}, ACTIVE is {_named(active[0])}"


def _named(topology: tuple[object, object]) -> str:
    return f"{topology[0]} v{topology[1]}"


def _policy_faults(policies: Sequence[Row], gate: Row) -> Iterator[str]:
    for policy in policies:
        topology = _topology_of(policy)
        if topology != _topology_of(gate):
            yield f"policy {policy['policy_key']} v{policy['version']} is for {_named(topology)}"


def _topology_of(row: Row) -> tuple[object, object]:
    return row["topology_code"], row["topology_version"]


CHECK = Check("single-seed", "Exactly one topology and policy seed", ("LOC-3",), run)
