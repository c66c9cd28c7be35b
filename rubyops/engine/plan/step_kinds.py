"""Plans a step for display before a run, by the kind of the step."""

from collections.abc import Callable

from rubyops.engine.engine_ports import EnginePorts
from rubyops.engine.plan.command_step import plan_step
from rubyops.engine.plan.step_plan import StepPlan
from rubyops.errors import Unreachable
from rubyops.model.step import Step


def _preview_check(step: Step, ports: EnginePorts, starting: bool) -> StepPlan:
    del ports, starting
    return StepPlan(step, "check")


def _preview_command(step: Step, ports: EnginePorts, starting: bool) -> StepPlan:
    """Plan a command; after a start of the platform an unreachable server makes it unknown."""
    try:
        return plan_step(step, ports)
    except Unreachable as error:
        if not starting:
            raise
        reason = f"cannot be known before the platform runs: {error.message}"
        unplannable = ports.command(step.name).unplannable
        return StepPlan(step, "unknown", reason=reason, unplannable=unplannable)


# The third argument, `starting`, is True if an earlier step of the playbook starts the platform.
PREVIEWS: dict[str, Callable[[Step, EnginePorts, bool], StepPlan]] = {
    "check": _preview_check,
    "command": _preview_command,
}
