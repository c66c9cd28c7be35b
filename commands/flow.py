"""Play one end-to-end flow on players made for it (LOC-7, STG-3).

When: on a rollout, or to look at one flow alone. Blast radius: canary players only. Undo: not needed.
"""

from dataclasses import dataclass

from commands.flows import FLOWS, ONLY_ON
from rubyops.errors import UsageError
from rubyops.model.effect import RunFlow
from rubyops.model.recorded import FLOWS_PREFIX
from rubyops.model.step import Command, NoOp, Wanted
from rubyops.ports import EnvironmentFacts, Read


@dataclass(frozen=True)
class Params:
    """The flow's source id, such as FLOW-1."""

    name: str


def plan(params: Params, read: Read) -> Wanted | NoOp:
    """Want the flow played; an unknown name is wrong usage, and a flow of another topology has nothing to play here."""
    if params.name not in FLOWS:
        raise UsageError(f"there is no flow {params.name!r}; known are {', '.join(FLOWS)}", next_command="rubyops flow --help")
    only = ONLY_ON.get(params.name, read.environment.topology)
    if only != read.environment.topology:
        return NoOp(f"{params.name} is played on {only} alone; this environment's topology is {read.environment.topology}")
    return Wanted((RunFlow(params.name),), {"topology": read.environment.topology})


def records(params: Params, facts: EnvironmentFacts) -> str:
    """Name the suite that a rollout's flows are kept under, which GATE-2 reads."""
    del params
    return FLOWS_PREFIX + facts.topology


COMMAND = Command("flow", "Play one end-to-end flow on canary players", Params, plan, records=records)
