"""How a run ends: its state, the steps that it did not reach, and its last line in the journal."""

from collections.abc import Sequence
from dataclasses import replace

from rubyops.engine.journal import lines
from rubyops.engine.journal.suites import record_rollout
from rubyops.engine.journal.writer import Journal
from rubyops.engine.planner import Plan
from rubyops.engine.report import RunReport, StepResult
from rubyops.engine.tools import EnginePorts
from rubyops.errors import Interrupted, JournalUnwritable, RubyopsError


def state_of(error: RubyopsError | None) -> str:
    """Name the state that a run ends in."""
    if error is None:
        return "finished"
    return "stopped" if isinstance(error, Interrupted) else "failed"


def not_reached(plan: Plan, results: Sequence[StepResult]) -> list[StepResult]:
    """List the steps that the run did not come to."""
    seen = {result.id for result in results}
    return [
        StepResult(p.step.id, p.step.title, "skipped", "not reached", covers=p.step.covers)
        for p in plan.steps
        if p.step.id not in seen
    ]


def journal_end(
    report: RunReport, error: RubyopsError | None, plan: Plan, tools: EnginePorts, journal: Journal
) -> RunReport:
    """Write the end of a run; where that is impossible, the report says so."""
    try:
        if not isinstance(error, JournalUnwritable):
            record_rollout(plan, report.results, tools, journal)
            journal.write(
                lines.RunFinished(
                    state=report.state,
                    exit_code=int(report.exit_code),
                    message=report.message,
                    next_command=report.next_command,
                    freeze=report.freeze.verdict.sentence if report.freeze else None,
                )
            )
    except JournalUnwritable as fault:
        return _with_message(report, fault.message)
    if journal.lost is not None:
        return _with_message(report, f"This run is NOT JOURNALLED: {journal.lost}")
    return report


def _with_message(report: RunReport, message: str) -> RunReport:
    both = f"{report.message}\n{message}" if report.message else message
    return replace(report, message=both, details={**report.details, "journalled": False})
