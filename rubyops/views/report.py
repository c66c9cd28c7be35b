"""The result of a run that has just ended: a recap for a person, an answer for a program."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from rubyops.engine.report import RunReport, StepResult
from rubyops.views.money import MoneyView, money_of
from rubyops.views.next_line import in_environment
from rubyops.views.view import ISO_TIME, Item, View

Facts = Mapping[str, object]  # the details of a step, which differ by step


@dataclass(frozen=True)
class StepItem(Item[Facts]):
    """One step of a run or a plan, and the source ids that the step covers."""

    covers: tuple[str, ...]


@dataclass(frozen=True)
class EndedRun:
    """A run that was planned, has finished, has failed or was stopped."""

    id: str
    playbook: str
    started_at: datetime = field(metadata=ISO_TIME)
    finished_at: datetime = field(metadata=ISO_TIME)
    plan_digest: str
    state: str

    @property
    def seconds(self) -> float:
        """The duration of the run."""
        return (self.finished_at - self.started_at).total_seconds()


@dataclass(frozen=True)
class ReportView(View):
    """The result of a run. `money` is None when the run did not read the freeze.

    `proof` is the evidence that a dry-run wrote nothing, else empty. `next_line` is the command to
    type next, None without one.
    """

    schema = "rubyops.run/v1"
    run: EndedRun
    steps: tuple[StepItem, ...]
    message: str | None
    next_line: str | None
    money: MoneyView | None
    details: Facts
    proof: Facts

    @property
    def results(self) -> tuple[StepItem, ...]:
        """One item for each step."""
        return self.steps

    @property
    def beside(self) -> Facts:
        """The run, the next command, the freeze in force and the details."""
        return {
            "run": self.run,
            "message": self.message,
            "next": self.next_line,
            "freeze": None if self.money is None else self.money.facts.in_force,
            "money": None if self.money is None else self.money.facts,
            "details": self.details,
            "proof": self.proof,
        }

    @property
    def counts(self) -> Mapping[str, int]:
        """{status: number of steps}, in the order of the steps."""
        return Counter(step.status for step in self.steps)


def report_view(report: RunReport) -> ReportView:
    """Return the view of a run's report."""
    run = EndedRun(
        report.run_id,
        report.playbook,
        report.started_at,
        report.finished_at,
        report.plan_digest,
        report.state,
    )
    return ReportView(
        run,
        step_items(report.results),
        report.message,
        in_environment(report.next_command, report.environment),
        None if report.freeze is None else money_of(report.freeze),
        report.details,
        report.proof,
    )


def step_items(results: Iterable[StepResult]) -> tuple[StepItem, ...]:
    """Return one item for each step result."""
    return tuple(step_item(result) for result in results)


def step_item(result: StepResult) -> StepItem:
    """Return one step result as an item."""
    return StepItem(
        result.id, result.title, result.status, result.summary, result.details, result.covers
    )
