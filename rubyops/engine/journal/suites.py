"""Records in a run's journal what it proved for its commit, for later runs and gates to read."""

from collections.abc import Mapping, Sequence

from rubyops.engine.engine_ports import EnginePorts
from rubyops.engine.journal.lines import SuiteRecorded
from rubyops.engine.journal.writer import Journal
from rubyops.engine.plan.step_plan import Plan, StepPlan
from rubyops.engine.report import StepResult
from rubyops.errors import RubyopsError
from rubyops.model.kinds import KINDS
from rubyops.model.status import Status
from rubyops.model.step import FindCommand, Step
from rubyops.ports import EnvironmentFacts, Read
from rubyops.running_code import one_code

PASSED = ("ok", "noop")


def record_facts(plans: Sequence[StepPlan], ports: EnginePorts, journal: Journal) -> None:
    """After a dry-run, keep the facts of every step that would have changed something.

    The real run is compared with them.
    """
    for plan in plans:
        suite = suite_of(plan.step, ports.command, ports.read.environment)
        if suite is not None and plan.verdict == "planned" and not plan.plays:
            journal.write(SuiteRecorded(suite=suite, result={"passed": True, **plan.facts}))


def record_rollout(
    plan: Plan, results: Sequence[StepResult], ports: EnginePorts, journal: Journal
) -> None:
    """After a rollout, keep per suite whether all of its steps passed.

    A release gate of the same commit can count it. A rollout that ended before its flows says
    nothing about them. A step that had nothing to do here, and said why, did not fail. A suite that
    passed is kept with the digest of the code that every process tells now.
    """
    facts = ports.read.environment
    named = {item.step.id: suite_of(item.step, ports.command, facts) for item in plan.steps}
    for suite in proves(plan, ports):
        steps = {result.id: result.status for result in results if named.get(result.id) == suite}
        passed = _passed(steps)
        if passed is not None:
            code = _code(ports.read) if passed else {}
            result = {"passed": passed, "steps": steps, **code}
            journal.write(SuiteRecorded(suite=suite, result=result))


def _passed(steps: Mapping[str, Status]) -> bool | None:
    """Say whether a suite passed; None where the run ended before it could tell.

    A suite of which every step had nothing to do has proved nothing.
    """
    tried = [status for status in steps.values() if status != "skipped"]
    if any(status not in PASSED for status in tried):
        return False
    return "ok" in tried if len(tried) == len(steps) else None


def proves(plan: Plan, ports: EnginePorts) -> tuple[str, ...]:
    """Name the suites of which a run of this plan records a result: a rollout's alone are kept.

    `control` keeps them with the taking of the lock, so that a run whose journal is gone weighs.
    """
    if not KINDS[plan.playbook.kind].records_suites:
        return ()
    facts = ports.read.environment
    named = [suite_of(item.step, ports.command, facts) for item in plan.steps]
    return tuple(dict.fromkeys(suite for suite in named if suite is not None))


def suite_of(step: Step, command: FindCommand, facts: EnvironmentFacts) -> str | None:
    """Name the suite under which the result of a step is kept, if it is kept."""
    records = command(step.name).records if step.kind == "command" else None
    return records(step.params, facts) if records is not None else None


def _code(read: Read) -> dict[str, str]:
    try:
        code, doubt = one_code(read)
    except RubyopsError as error:
        code, doubt = "", error.message
    return {"code": code, "code_doubt": doubt}
