"""Plans a step that is a command."""

from rubyops.engine.engine_ports import EnginePorts
from rubyops.engine.plan.step_plan import StepPlan
from rubyops.errors import Refused
from rubyops.model.step import NoOp, Step


def plan_step(step: Step, ports: EnginePorts) -> StepPlan:
    """Plan one command step on the present facts. Raises `Unreachable`."""
    command = ports.command(step.name)
    unplannable = command.unplannable
    try:
        planned = command.plan(step.params, ports.read)
    except Refused as refusal:
        reason = refusal.message
        return StepPlan(step, "refused", reason=reason, error=refusal, unplannable=unplannable)
    if isinstance(planned, NoOp):
        return StepPlan(step, "noop", reason=planned.reason, unplannable=unplannable)
    return StepPlan(
        step,
        "planned",
        planned.effects,
        facts=planned.facts,
        undo=command.undo,
        unplannable=unplannable,
    )
