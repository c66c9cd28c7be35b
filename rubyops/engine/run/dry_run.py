"""Reports what a playbook would do, and proves that the report wrote nothing to the databases."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from rubyops.engine.engine_ports import EnginePorts
from rubyops.engine.journal import lines
from rubyops.engine.journal.suites import record_facts
from rubyops.engine.journal.writer import Journal
from rubyops.engine.plan.planner import planned_result
from rubyops.engine.plan.step_plan import Plan, StepPlan
from rubyops.engine.report import Reporter, RunReport, StepResult
from rubyops.engine.run.ending import state_of
from rubyops.errors import JournalUnwritable, RubyopsError
from rubyops.model.exit_code import ExitCode
from rubyops.model.finding import Finding
from rubyops.model.json_object import JsonObject
from rubyops.model.kinds import KINDS
from rubyops.model.step import Step
from rubyops.stop_signal import StopSignal


@dataclass(frozen=True)
class DryRun:
    """A dry-run of one playbook, which only reads; its journal has the end, also a failed one."""

    run_id: str
    plan: Plan
    ports: EnginePorts
    journal: Journal
    reporter: Reporter
    stop: StopSignal

    def run(self) -> RunReport:
        """Report on every step.

        Raises `Unreachable` if a server does not answer, `WriteAttempted` if a query tried to
        write.
        """
        with _ended(self.journal):
            started = datetime.now(UTC)
            results = tuple(self._look(step) for step in self.plan.steps)
            proof = self.ports.proof()
            for result in results:
                self.reporter.step_finished(result, 0.0)
            code = _exit_code(results, self.plan, decisive=self._decisive)
            self._journal_results(results, proof, code)
            return self._report(started, results, proof, code)

    def _report(
        self,
        started: datetime,
        results: tuple[StepResult, ...],
        proof: JsonObject,
        code: ExitCode,
    ) -> RunReport:
        return RunReport(
            run_id=self.run_id,
            playbook=self.plan.playbook.name,
            environment=self.ports.read.environment.name,
            started_at=started,
            finished_at=datetime.now(UTC),
            plan_digest=self.plan.digest,
            state="planned",
            exit_code=code,
            results=results,
            proof=proof,
        )

    @property
    def _decisive(self) -> bool:
        """Whether to run the checks: not if earlier steps of the real run change their answers."""
        return KINDS[self.plan.playbook.kind].decides_in_dry_run

    def _look(self, plan: StepPlan) -> StepResult:
        self.stop.raise_if_set()
        step = plan.step
        if plan.verdict == "check" and self._decisive:
            return _checked(step, self.ports.check(step.name))
        result = planned_result(plan)
        return _undecided(result) if plan.plays else result

    def _journal_results(
        self, results: tuple[StepResult, ...], proof: JsonObject, code: ExitCode
    ) -> None:
        rows = tuple(result.row for result in results)
        ended = lines.DryRunEnded(plan_digest=self.plan.digest, proof=proof, results=rows)
        self.journal.write(ended)
        record_facts(self.plan.steps, self.ports, self.journal)
        self.journal.write(lines.RunFinished(state="planned", exit_code=int(code)))


def _checked(step: Step, found: Finding) -> StepResult:
    return StepResult(step.id, step.title, found.status, found.summary, found.details, step.covers)


def _undecided(result: StepResult) -> StepResult:
    words = "must write on canary players, so a dry-run cannot decide it"
    return replace(result, status="inconclusive", summary=f"{words}: {result.summary}")


@contextlib.contextmanager
def _ended(journal: Journal) -> Iterator[None]:
    """Write an error into the journal before it is raised further, and close the journal."""
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
    """Write the error as the end of the run, if the journal is writable.

    `runs list` shows a run without this line as interrupted.
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


def _exit_code(results: tuple[StepResult, ...], plan: Plan, *, decisive: bool) -> ExitCode:
    if decisive and any(result.status in ("failed", "inconclusive") for result in results):
        return ExitCode.CHECK_FAILED
    return ExitCode.REFUSED if _is_refused(plan) else ExitCode.DONE


def _is_refused(plan: Plan) -> bool:
    # Only the first planned or refused step decides. A planned step would change the facts, so a
    # later step that is refused now may be allowed in the real run.
    verdicts = (step.verdict for step in plan.steps if step.verdict in ("planned", "refused"))
    return next(verdicts, None) == "refused"
