"""What a run proved for its commit, kept as `recorded` lines of its journal for later runs and gates to read."""

from collections.abc import Sequence

from rubyops.engine.journal import Journal
from rubyops.engine.planner import Plan, StepPlan
from rubyops.engine.report import StepResult
from rubyops.engine.tools import Tools

PASSED = ("ok", "noop")


def record_facts(plans: Sequence[StepPlan], tools: Tools, journal: Journal) -> None:
    """After a dry-run, keep the facts of every step that would have changed something: the real run is compared with them."""
    for plan in plans:
        suite = _suite_of(plan, tools)
        if suite is not None and plan.kind == "wanted" and not plan.plays:
            journal.write("recorded", suite=suite, result={"passed": True, **(plan.facts or {})})


def record_rollout(plan: Plan, results: Sequence[StepResult], tools: Tools, journal: Journal) -> None:
    """After a rollout, keep per suite whether all of its steps passed, so that a release gate of the same commit can count it.

    A rollout that ended before its flows says nothing about them. A step that had nothing to do here, and said why, did not fail.
    """
    if plan.playbook.kind != "rollout":
        return
    named = {step.step.id: suite for step in plan.steps if (suite := _suite_of(step, tools)) is not None}
    for suite in dict.fromkeys(named.values()):
        steps = {result.id: result.status for result in results if named.get(result.id) == suite}
        tried = [status for status in steps.values() if status != "skipped"]
        if len(tried) == len(steps) or any(status not in PASSED for status in tried):
            # A suite of which every step had nothing to do has proved nothing.
            passed = "ok" in tried and all(status in PASSED for status in tried)
            journal.write("recorded", suite=suite, result={"passed": passed, "steps": steps})


def _suite_of(plan: StepPlan, tools: Tools) -> str | None:
    if plan.step.kind != "command":
        return None
    records = tools.command(plan.step.name).records
    return records(plan.step.params, tools.read.environment) if records is not None else None
