"""Records the results of suites in a run's journal; later runs and release gates read them."""

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
    """After a dry-run, record the facts of each planned step that belongs to a suite.

    The real run is compared with these facts.
    """
    for plan in plans:
        suite = _suite(plan, ports)
        if suite is not None and plan.verdict == "planned" and not plan.plays:
            journal.write(SuiteRecorded(suite=suite, result={"passed": True, **plan.facts}))


def record_rollout(
    plan: Plan, results: Sequence[StepResult], ports: EnginePorts, journal: Journal
) -> None:
    """After a rollout, record for each suite whether it passed.

    Release gates of the same commit read the record. No record is written for a suite that has an
    unreached step and no failed step. A passed suite is recorded with the digest of the code that
    every process runs now.
    """
    named = {item.step.id: _suite(item, ports) for item in plan.steps}
    for suite in proves(plan, ports):
        steps = {result.id: result.status for result in results if named.get(result.id) == suite}
        passed = _passed(steps)
        if passed is not None:
            _record(suite, steps, ports.read, journal, passed=passed)


def _record(
    suite: str, steps: Mapping[str, Status], read: Read, journal: Journal, *, passed: bool
) -> None:
    code = _code(read) if passed else {}
    result = {"passed": passed, "steps": steps, **code}
    journal.write(SuiteRecorded(suite=suite, result=result))


def _passed(steps: Mapping[str, Status]) -> bool | None:
    """Return whether a suite passed; None if a step was not reached and none failed.

    A suite in which every step was a no-op did not pass, because nothing was tested.
    """
    tried = [status for status in steps.values() if status != "skipped"]
    if any(status not in PASSED for status in tried):
        return False
    return "ok" in tried if len(tried) == len(steps) else None


def proves(plan: Plan, ports: EnginePorts) -> tuple[str, ...]:
    """Return the suites whose results a run of this plan will record; only rollouts record any.

    `control` stores these names with the lock, so that a run counts even if its journal is lost.
    """
    if not KINDS[plan.playbook.kind].records_suites:
        return ()
    named = [_suite(item, ports) for item in plan.steps]
    return tuple(dict.fromkeys(suite for suite in named if suite is not None))


def _suite(plan: StepPlan, ports: EnginePorts) -> str | None:
    return suite_of(plan.step, ports.command, ports.read.environment)


def suite_of(step: Step, command: FindCommand, facts: EnvironmentFacts) -> str | None:
    """Return the suite under which a step's result is recorded; None if it is not recorded."""
    records = command(step.name).records if step.kind == "command" else None
    return records(step.params, facts) if records is not None else None


def _code(read: Read) -> dict[str, str]:
    try:
        code, doubt = one_code(read)
    except RubyopsError as error:
        code, doubt = "", error.message
    return {"code": code, "code_doubt": doubt}
