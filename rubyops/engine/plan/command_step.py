"""Plans a step that is a command."""

from typing import Any

from rubyops.engine.engine_ports import EnginePorts
from rubyops.engine.plan.step_plan import StepPlan
from rubyops.errors import Refused
from rubyops.model.step import Command, NoOp, Planned, Step


def plan_step(step: Step, ports: EnginePorts) -> StepPlan:
    """Plan one command step on the present facts. Raises `Unreachable`."""
    command = ports.command(step.name)
    try:
        planned = command.plan(step.params, ports.read)
    except Refused as refusal:
        return StepPlan(
            step,
            "refused",
            reason=refusal.message,
            error=refusal,
            unplannable=command.unplannable,
        )
    return _step_plan(step, command, planned)


def _step_plan(step: Step, command: Command[Any], planned: Planned | NoOp) -> StepPlan:
    if isinstance(planned, NoOp):
        return StepPlan(step, "noop", reason=planned.reason, unplannable=command.unplannable)
    return StepPlan(
        step,
        "planned",
        planned.effects,
        facts=planned.facts,
        undo=command.undo,
        unplannable=command.unplannable,
    )
