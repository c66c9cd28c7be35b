"""How a run of this process ended: the recap for a person, and the answer for a program."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from rubyops.engine.report import RunReport, StepResult
from rubyops.views.money import MoneyView, money_of
from rubyops.views.next_line import in_environment
from rubyops.views.view import ISO_TIME, Item, View

Facts = Mapping[str, object]  # the details of a step, each step's own


@dataclass(frozen=True)
class StepItem(Item[Facts]):
    """One step of a run or of a plan, and the source ids that it covers."""

    covers: tuple[str, ...]


@dataclass(frozen=True)
class EndedRun:
    """A run: planned, finished, failed or stopped."""

    id: str
    playbook: str
    started_at: datetime = field(metadata=ISO_TIME)
    finished_at: datetime = field(metadata=ISO_TIME)
    plan_digest: str
    state: str

    @property
    def seconds(self) -> float:
        """How long it took."""
        return (self.finished_at - self.started_at).total_seconds()


@dataclass(frozen=True)
class ReportView(View):
    """The end of a run. `money` is None where nobody asked for it.

    `proof` is empty, or shows that looking wrote nothing.
    `next_line` is the line that goes on from here, None where nothing has to.
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
        """Every step."""
        return self.steps

    @property
    def beside(self) -> Facts:
        """The run, the way on, and the truth of the money."""
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
        """How many steps ended in each way, in the order of the steps."""
        return Counter(step.status for step in self.steps)


def report_view(report: RunReport) -> ReportView:
    """Show how this run ended."""
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
    """Show the results of some steps."""
    return tuple(step_item(result) for result in results)


def step_item(result: StepResult) -> StepItem:
    """Show the result of one step."""
    return StepItem(
        result.id, result.title, result.status, result.summary, result.details, result.covers
    )
