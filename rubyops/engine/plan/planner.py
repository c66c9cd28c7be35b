"""Plans every step of a playbook on the present facts, and turns the plan into result rows."""

from rubyops.engine.effect_data import digest, to_data
from rubyops.engine.engine_ports import EnginePorts
from rubyops.engine.plan.step_kinds import PREVIEWS
from rubyops.engine.plan.step_plan import Plan, StepPlan, Verdict
from rubyops.engine.report import StepResult
from rubyops.model.status import Status
from rubyops.model.step import Playbook

_STATUS: dict[Verdict, Status] = {
    "planned": "skipped",
    "noop": "noop",
    "refused": "refused",
    "unknown": "unknown",
    "check": "skipped",
}


def make_plan(playbook: Playbook, ports: EnginePorts) -> Plan:
    """Plan every step.

    After a step that starts the platform, a step that finds a server unreachable gets the verdict
    unknown. Without such an earlier step it raises `Unreachable`.
    """
    steps: list[StepPlan] = []
    for step in playbook.steps:
        starting = any(plan.starts_platform for plan in steps)
        steps.append(PREVIEWS[step.kind](step, ports, starting))
    content = {
        "playbook": playbook.name,
        "parameters": playbook.parameters,
        "environment": ports.read.environment.name,
        "commit": ports.read.environment.commit,
        "steps": [_content(plan) for plan in steps],
    }
    return Plan(playbook, tuple(steps), "p-" + digest(content)[:12])


def planned_result(plan: StepPlan) -> StepResult:
    """Return a step's plan in the form of a step result, for display."""
    step, status = plan.step, _STATUS[plan.verdict]
    if plan.verdict == "check":
        return StepResult(step.id, step.title, status, f"would check {step.name}", {}, step.covers)
    summary = "would " + "; ".join(plan.words) if plan.words else plan.reason
    if plan.verdict == "refused":
        summary = f"refused today: {plan.reason}"
    details = dict(plan.facts)
    if plan.words:
        details["effects"] = plan.words
    if plan.unplannable:
        details["cannot_be_known_yet"] = plan.unplannable
    if plan.undo:
        details["undo"] = plan.undo
    return StepResult(step.id, step.title, status, summary, details, step.covers)


def planned_results(plan: Plan) -> tuple[StepResult, ...]:
    """Return all step plans in the form of step results, for display."""
    return tuple(planned_result(step) for step in plan.steps)


def _content(plan: StepPlan) -> list[object]:
    effects = [to_data(effect) for effect in plan.effects]
    return [plan.step.id, plan.step.name, plan.verdict, effects]
