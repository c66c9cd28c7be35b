"""Plans every step of a playbook on the present facts, and turns the plan into result rows."""

from collections.abc import Sequence

from rubyops.engine.effect_data import all_to_data, digest
from rubyops.engine.engine_ports import EnginePorts
from rubyops.engine.plan.step_kinds import PREVIEWS
from rubyops.engine.plan.step_plan import Plan, StepPlan, Verdict
from rubyops.engine.report import StepResult
from rubyops.model.json_object import JsonObject
from rubyops.model.status import Status
from rubyops.model.step import Playbook
from rubyops.ports import EnvironmentFacts

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
    return Plan(playbook, tuple(steps), _digest(playbook, steps, ports.read.environment))


def _digest(playbook: Playbook, steps: Sequence[StepPlan], facts: EnvironmentFacts) -> str:
    content = {
        "playbook": playbook.name,
        "parameters": playbook.parameters,
        "environment": facts.name,
        "commit": facts.commit,
        "steps": [_content(plan) for plan in steps],
    }
    return "p-" + digest(content)[:12]


def planned_result(plan: StepPlan) -> StepResult:
    """Return a step's plan in the form of a step result, for display."""
    step, status = plan.step, _STATUS[plan.verdict]
    details = _details(plan) if plan.verdict != "check" else {}
    return StepResult(step.id, step.title, status, _summary(plan), details, step.covers)


def _summary(plan: StepPlan) -> str:
    if plan.verdict == "check":
        return f"would check {plan.step.name}"
    if plan.verdict == "refused":
        return f"refused today: {plan.reason}"
    return "would " + "; ".join(plan.words) if plan.words else plan.reason


def _details(plan: StepPlan) -> JsonObject:
    added = {
        "effects": plan.words,
        "cannot_be_known_yet": plan.unplannable,
        "undo": plan.undo,
    }
    return plan.facts | {name: value for name, value in added.items() if value}


def planned_results(plan: Plan) -> tuple[StepResult, ...]:
    """Return all step plans in the form of step results, for display."""
    return tuple(planned_result(step) for step in plan.steps)


def _content(plan: StepPlan) -> list[object]:
    return [plan.step.id, plan.step.name, plan.verdict, all_to_data(plan.effects)]
