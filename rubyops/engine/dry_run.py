"""Says what a playbook would do, and proves that looking wrote nothing."""

import contextlib
from collections.abc import Iterator
from datetime import UTC, datetime

from rubyops.engine.ending import state_of
from rubyops.engine.journal import lines
from rubyops.engine.journal.suites import record_facts
from rubyops.engine.journal.writer import Journal
from rubyops.engine.planner import Plan, StepPlan, planned_result
from rubyops.engine.report import Reporter, RunReport, StepResult
from rubyops.engine.stop import StopSignal
from rubyops.engine.tools import EnginePorts
from rubyops.errors import JournalUnwritable, RubyopsError
from rubyops.model.exit_code import ExitCode

# What a rollout or a rollback would check follows on what it would have changed, so today's answers decide nothing there.
_DECISIVE = ("verification", "task")


def dry_run(
    run_id: str,
    plan: Plan,
    tools: EnginePorts,
    journal: Journal,
    reporter: Reporter,
    stop: StopSignal,
) -> RunReport:
    """Look at every step with the reader alone; every end, good or bad, is in the journal.

    Raises `Unreachable` where there is nothing to look at, `WriteAttempted` where looking wrote.
    """
    with _ended(journal):
        started = datetime.now(UTC)
        decisive = plan.playbook.kind in _DECISIVE
        results = tuple(_look(step, tools, stop, decisive=decisive) for step in plan.steps)
        proof = tools.proof()
        code = _exit_code(results, plan, decisive=decisive)
        for result in results:
            reporter.step_finished(result, 0.0)
        told = tuple((row.id, row.status, row.summary) for row in results)
        journal.write(lines.DryRunEnded(plan_digest=plan.digest, proof=proof, results=told))
        record_facts(plan.steps, tools, journal)
        journal.write(lines.RunFinished(state="planned", exit_code=int(code)))
        return RunReport(
            run_id=run_id, playbook=plan.playbook.name, environment=tools.read.environment.name, started_at=started,
            finished_at=datetime.now(UTC), plan_digest=plan.digest, state="planned", exit_code=code, results=results, proof=proof,
        )  # fmt: skip


@contextlib.contextmanager
def _ended(journal: Journal) -> Iterator[None]:
    """Write every bad end into the journal, and close it."""
    try:
        yield
    except RubyopsError as error:
        _journal_end(error, journal)
        raise
    except Exception as fault:
        unexpected = RubyopsError(f"unexpected {type(fault).__name__}: {fault}")
        _journal_end(unexpected, journal)
        raise unexpected from fault
    finally:
        journal.close()


def _journal_end(error: RubyopsError, journal: Journal) -> None:
    """Write how it ended, where the journal takes it.

    `runs list` calls a run without an end interrupted.
    """
    with contextlib.suppress(JournalUnwritable):
        journal.write(
            lines.RunFinished(
                state=state_of(error),
                exit_code=int(error.exit_code),
                message=error.message,
                next_command=error.next_command,
            )
        )


def _look(plan: StepPlan, tools: EnginePorts, stop: StopSignal, *, decisive: bool) -> StepResult:
    stop.raise_if_set()
    step = plan.step
    if plan.kind == "check":
        if not decisive:
            return planned_result(plan, tools)
        finding = tools.check(step.name)
        return StepResult(
            step.id, step.title, finding.status, finding.summary, finding.details, step.covers
        )
    result = planned_result(plan, tools)
    if plan.plays:
        return StepResult(
            step.id,
            step.title,
            "inconclusive",
            f"must write on canary players, so a dry-run cannot decide it: {result.summary}",
            result.details,
            step.covers,
        )
    return result


def _exit_code(results: tuple[StepResult, ...], plan: Plan, *, decisive: bool) -> ExitCode:
    if decisive and any(result.status in ("failed", "inconclusive") for result in results):
        return ExitCode.CHECK_FAILED
    first = next((step for step in plan.steps if step.kind in ("wanted", "refused")), None)
    # A refusal further down may be about what an earlier step would have changed; the first one stands as it is.
    return ExitCode.REFUSED if first is not None and first.kind == "refused" else ExitCode.DONE
