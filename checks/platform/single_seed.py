"""Exactly one topology seed is loaded, exactly one pair of it is active, and the pair belongs together.

When it fails, two product modes share one environment (every bucket key holds its topology code, so money of one is out of
reach in the other), or money commands run by a policy that was written for another topology.
"""

from checks._answer import all_true
from rubyops.model.finding import Finding
from rubyops.model.step import Check
from rubyops.ports import Read


def run(read: Read) -> Finding:
    """Read the saved codes, the active rows and the gate row."""
    wanted = read.environment.topology
    saved = read.rows("facts_topologies")
    codes = sorted({str(row["code"]) for row in saved})
    active = [row for row in saved if row["state"] == "ACTIVE"]
    gate = read.one("facts_gate")
    faults = []
    if codes != [wanted]:
        faults.append(
            f"seeds loaded: {', '.join(codes) or 'none'}; this environment is for {wanted} alone"
        )
    if len(active) != 1:
        faults.append(f"{len(active)} topologies are ACTIVE, expected 1")
    elif (active[0]["code"], active[0]["version"]) != (
        gate["topology_code"],
        gate["topology_version"],
    ):
        faults.append(
            f"the gate row says {gate['topology_code']} v{gate['topology_version']}, ACTIVE is {active[0]['code']} v{active[0]['version']}"
        )
    for policy in read.rows("facts_active_policies"):
        if (policy["topology_code"], policy["topology_version"]) != (
            gate["topology_code"],
            gate["topology_version"],
        ):
            faults.append(
                f"policy {policy['policy_key']} v{policy['version']} is for {policy['topology_code']} v{policy['topology_version']}"
            )
    return all_true(
        faults,
        holds=f"{wanted} v{gate['topology_version']} is the one active seed",
        broken="not exactly one seed",
    )


CHECK = Check("single-seed", "Exactly one topology and policy seed", ("LOC-3",), run)
