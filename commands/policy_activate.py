"""Activate another version of a policy that is for the active topology (A7-11).

When: funding, destinations or rolling rules change, and the buckets stay the same. Blast radius:
bets from then on; accepted bets keep their policy. Undo: activate the previous version.
"""

import dataclasses
from dataclasses import dataclass

from commands._pairs import Pair, active_pair, refuse_unless_in_force
from rubyops.effects.service_call import CallService
from rubyops.errors import Refused
from rubyops.model.step import Command, NoOp, Planned, option
from rubyops.ports import Read, Row
from wallet_runtime.contract.documents import DEFAULT_POLICY_KEY
from wallet_runtime.contract.processes import WALLET_SERVICE


@dataclass(frozen=True)
class Params:
    """The policy version to activate."""

    version: int
    policy_key: str = option("which policy", DEFAULT_POLICY_KEY)


def plan(params: Params, read: Read) -> Planned | NoOp:
    """Plan to activate the version, or do nothing when it is active.

    Refuses a version that is not saved, or that was written for another topology.
    """
    present = _present(read)
    label = f"Policy {params.policy_key} v{params.version}"
    policy = _saved(params, label, read)
    _refuse_other_topology(policy, label, present)
    if policy["state"] == "ACTIVE":
        refuse_unless_in_force(present, read)
        return NoOp(f"{label} is active already")
    path = f"/internal/wallet/policy/{params.policy_key}/activate"
    body: dict[str, object] = {"version": params.version, "from": dataclasses.asdict(present)}
    return Planned((CallService(WALLET_SERVICE, "PUT", path, body),), {"from": str(present)})


def _present(read: Read) -> Pair:
    present = active_pair(read)
    if present is None:
        raise Refused(
            "No topology is active, so no policy can be: activate the pair.",
            next_command="rubyops topology activate",
        )
    return present


def _saved(params: Params, label: str, read: Read) -> Row:
    wanted = (params.policy_key, params.version)
    for row in read.rows("facts_policies"):
        if (row["policy_key"], row["version"]) == wanted:
            return row
    raise Refused(f"{label} is not saved here.", next_command="rubyops policy show")


def _refuse_other_topology(policy: Row, label: str, present: Pair) -> None:
    topology = (policy["topology_code"], policy["topology_version"])
    if topology != (present.topology_code, present.topology_version):
        raise Refused(
            f"{label} is for {topology[0]} v{topology[1]}; "
            f"active is {present.topology_code} v{present.topology_version}. "
            "A policy alone is activated only for the active topology (A7-11).",
            next_command="rubyops topology activate",
        )


COMMAND = Command("policy-activate", Params, plan)
