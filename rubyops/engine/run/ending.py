"""The end of a run: its state, the command to type next, and the last line of its journal."""

from dataclasses import dataclass, replace

from rubyops.engine.engine_ports import EnginePorts
from rubyops.engine.journal import lines
from rubyops.engine.journal.suites import record_rollout
from rubyops.engine.journal.writer import Journal
from rubyops.engine.plan.step_plan import Plan
from rubyops.engine.report import RunReport
from rubyops.errors import Interrupted, JournalUnwritable, LockLost, Overruled, RubyopsError
from rubyops.model.kinds import KINDS, TAKE_OVER
from rubyops.model.step import Playbook


@dataclass(frozen=True)
class NextLine:
    """Makes the command lines that a user may type after a run."""

    run_id: str
    playbook: Playbook
    environment: str

    def of(self, words: str) -> str:
        """Return a command line with the environment of the run."""
        return f"rubyops {words} -e {self.environment}"

    def after(self, error: RubyopsError | None) -> str | None:
        """Return the command to type after this error; None after a run that finished."""
        if error is None:
            return None
        if isinstance(error, Overruled) and TAKE_OVER in self.playbook.parameters:
            return f"{self.of('status')}   |   {self._take_over()}"
        if error.next_command or isinstance(error, LockLost):
            return error.next_command
        return self._again()

    def _take_over(self) -> str:
        return self.of(f"run {self.playbook.name} --set {TAKE_OVER}={self.run_id}")

    def _again(self) -> str:
        if KINDS[self.playbook.kind].resumable:
            return self.of(f"runs resume {self.run_id}")
        return self.of(f"run {self.playbook.name}")


def state_of(error: RubyopsError | None) -> str:
    """Return the state of a run that ended with this error, or without one."""
    if error is None:
        return "finished"
    return "stopped" if isinstance(error, Interrupted) else "failed"


def journal_end(
    report: RunReport, error: RubyopsError | None, plan: Plan, ports: EnginePorts, journal: Journal
) -> RunReport:
    """Write the end of a run into its journal; if that fails, add a message to the report."""
    try:
        if not isinstance(error, JournalUnwritable):
            record_rollout(plan, report.results, ports, journal)
            journal.write(_last_line(report))
    except JournalUnwritable as fault:
        return _with_message(report, fault.message)
    if journal.lost is not None:
        return _with_message(report, f"This run is NOT JOURNALLED: {journal.lost}")
    return report


def _last_line(report: RunReport) -> lines.RunFinished:
    return lines.RunFinished(
        state=report.state,
        exit_code=int(report.exit_code),
        message=report.message,
        next_command=report.next_command,
        freeze=report.freeze.verdict.sentence if report.freeze else None,
    )


def _with_message(report: RunReport, message: str) -> RunReport:
    both = f"{report.message}\n{message}" if report.message else message
    return replace(report, message=both, details={**report.details, "journalled": False})
