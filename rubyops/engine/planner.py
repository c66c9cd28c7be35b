"""Asks every step what it wants on today's facts, before anything is done: the plan that is shown."""

from dataclasses import dataclass
from typing import Literal

from rubyops.engine.describe import describe, is_mild
from rubyops.engine.effect_data import digest, to_data
from rubyops.engine.report import StepResult
from rubyops.engine.tools import EnginePorts
from rubyops.errors import Refused, Unreachable
from rubyops.model.effect import BRAKE, READ_ONLY, Effect, RunFlow, StartPlatform
from rubyops.model.status import Status
from rubyops.model.step import NoOp, Playbook, Step

Kind = Literal["wanted", "noop", "refused", "unknown", "check"]


@dataclass(frozen=True)
class StepPlan:
    """What one step wants today. `reason` is the no-op's sentence, the refusal, or why it cannot be known yet."""

    step: Step
    kind: Kind
    effects: tuple[Effect, ...] = ()
    reason: str = ""
    facts: dict[str, object] | None = None
    error: Refused | None = None
    undo: str | None = None

    @property
    def changes(self) -> bool:
        """Whether the step would change anything, as far as it is known."""
        return any(not isinstance(effect, READ_ONLY) for effect in self.effects)

    @property
    def plays(self) -> bool:
        """Whether the step probes by playing on canary players, which a dry-run must not do."""
        return any(isinstance(effect, RunFlow) for effect in self.effects)


@dataclass(frozen=True)
class Plan:
    """The plans of all steps, and a digest over playbook, parameters and wanted effects."""

    playbook: Playbook
    steps: tuple[StepPlan, ...]
    digest: str

    @property
    def changes(self) -> bool:
        """Whether anything is wanted, or may be once it can be known."""
        return any(step.changes or step.kind == "unknown" for step in self.steps)

    @property
    def is_brake(self) -> bool:
        """Whether it does nothing but raise a freeze, or end what holds one up."""
        effects = [effect for step in self.steps for effect in step.effects]
        known = all(step.kind in ("wanted", "noop", "check") for step in self.steps)
        return known and bool(effects) and all(isinstance(effect, BRAKE) for effect in effects)

    @property
    def needs_confirmation(self) -> bool:
        """Whether a person should have to name the environment: anything that is not mild, or not known yet."""
        return any(
            step.kind == "unknown" or any(not is_mild(effect) for effect in step.effects)
            for step in self.steps
        )


def plan_step(step: Step, tools: EnginePorts) -> StepPlan:
    """Plan one command step on the facts of this moment; raises `Unreachable`."""
    command = tools.command(step.name)
    try:
        wanted = command.plan(step.params, tools.read)
    except Refused as refusal:
        return StepPlan(step, "refused", reason=refusal.message, error=refusal)
    if isinstance(wanted, NoOp):
        return StepPlan(step, "noop", reason=wanted.reason)
    return StepPlan(step, "wanted", wanted.effects, facts=wanted.facts, undo=command.undo)


def make_plan(playbook: Playbook, tools: EnginePorts) -> Plan:
    """Plan every step. Behind a step that starts the platform what cannot be looked at yet is unknown; else `Unreachable`."""
    steps: list[StepPlan] = []
    for step in playbook.steps:
        starting = any(
            isinstance(effect, StartPlatform) for plan in steps for effect in plan.effects
        )
        steps.append(_preview(step, tools, starting=starting))
    content = {
        "playbook": playbook.name,
        "parameters": playbook.parameters,
        "environment": tools.read.environment.name,
        "commit": tools.read.environment.commit,
        "steps": [
            [plan.step.id, plan.step.name, plan.kind, [to_data(effect) for effect in plan.effects]]
            for plan in steps
        ],
    }
    return Plan(playbook, tuple(steps), "p-" + digest(content)[:12])


def _preview(step: Step, tools: EnginePorts, *, starting: bool) -> StepPlan:
    if step.kind == "check":
        return StepPlan(step, "check")
    try:
        return plan_step(step, tools)
    except Unreachable as error:
        if not starting:
            raise
        return StepPlan(
            step, "unknown", reason=f"cannot be known before the platform runs: {error.message}"
        )


def same_as_shown(
    shown: StepPlan, now: StepPlan, *, unplannable: str | None, changed_before: bool
) -> bool:
    """Whether a step may go on as planned under the lock.

    What was shown as effects must be those effects. What was shown as a no-op or a refusal may turn into effects only when
    an earlier step of this very run has changed the facts.
    """
    if unplannable is not None or shown.kind == "unknown" or now.kind != "wanted":
        return True
    if not now.changes:
        # To wait for what was well a moment ago changes nothing that was not shown.
        return True
    if shown.kind == "wanted":
        return shown.effects == now.effects
    return changed_before


def planned_results(plan: Plan, tools: EnginePorts) -> tuple[StepResult, ...]:
    """Say a whole plan as result rows."""
    return tuple(planned_result(step, tools) for step in plan.steps)


def planned_result(plan: StepPlan, tools: EnginePorts) -> StepResult:
    """Say a step's plan as a result row; nothing of it has been done."""
    step = plan.step
    unplannable = tools.command(step.name).unplannable if step.kind == "command" else None
    status: Status = {
        "wanted": "skipped",
        "noop": "noop",
        "refused": "refused",
        "unknown": "unknown",
        "check": "skipped",
    }[plan.kind]  # type: ignore[assignment]
    if plan.kind == "check":
        return StepResult(
            step.id, step.title, status, f"would check {step.name}", covers=step.covers
        )
    words = [describe(effect) for effect in plan.effects]
    summary = "would " + "; ".join(words) if words else plan.reason
    if plan.kind == "refused":
        summary = f"refused today: {plan.reason}"
    details: dict[str, object] = dict(plan.facts or {})
    if words:
        details["effects"] = words
    if unplannable:
        details["cannot_be_known_yet"] = unplannable
    if plan.undo:
        details["undo"] = plan.undo
    return StepResult(step.id, step.title, status, summary, details, step.covers)
