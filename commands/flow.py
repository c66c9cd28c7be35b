"""Play one end-to-end flow on players made for it (LOC-7, STG-3).

When: on a rollout, or to check one flow. Blast radius: canary players only. Undo: not needed.
"""

from dataclasses import dataclass

from commands._pairs import active_pair, refuse_unless_in_force
from commands.flows import FLOWS, ONLY_ON
from rubyops.effects.flow import RunFlow
from rubyops.errors import Refused, UsageError
from rubyops.model.recorded import FLOWS_PREFIX
from rubyops.model.step import Command, NoOp, Planned
from rubyops.ports import EnvironmentFacts, Read


@dataclass(frozen=True)
class Params:
    """The flow's source id, such as FLOW-1."""

    name: str


def plan(params: Params, read: Read) -> Planned | NoOp:
    """Plan to play the flow, or do nothing when the flow is only for another topology.

    Raises `UsageError` for an unknown name.
    """
    if params.name not in FLOWS:
        raise UsageError(
            f"there is no flow {params.name!r}; known are {', '.join(FLOWS)}",
            next_command="rubyops flow --help",
        )
    topology = read.environment.topology
    only = ONLY_ON.get(params.name, topology)
    if only != topology:
        _refuse_unless_active(topology, read)
        return NoOp(f"{params.name} is played on {only} alone, and {topology} is active here")
    return Planned((RunFlow(params.name),), {"topology": topology})


def _refuse_unless_active(topology: str, read: Read) -> None:
    """Raise `Refused` unless a pair of this topology is active, as wallet_service confirms.

    The flow is skipped because of the topology that the environment is for. If another topology is
    active, the flow may be meant for that one.
    """
    present = active_pair(read)
    if present is None or present.topology_code != topology:
        raise Refused(
            f"Which topology this flow would be played on is not known: active is "
            f"{present or 'none'}, and this environment is for {topology}.",
            next_command="rubyops topology activate",
        )
    refuse_unless_in_force(present, read)


def records(params: Params, facts: EnvironmentFacts) -> str:
    """Return the name under which a rollout records its flows. GATE-2 reads this record."""
    del params
    return FLOWS_PREFIX + facts.topology


COMMAND = Command("flow", Params, plan, records=records)
