"""The reports of a run: events during the run, and the whole result at its end."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from rubyops.effects.base import Outcome
from rubyops.errors import Inconclusive, OutcomeUnknown, Refused, RubyopsError, Unreachable
from rubyops.model.exit_code import ExitCode
from rubyops.model.freeze import FreezeTruth
from rubyops.model.json_object import JsonObject
from rubyops.model.status import Status
from rubyops.model.step import Playbook, Step


@dataclass(frozen=True)
class StepResult:
    """The result of one step; `--output json` lists these fields under `results`."""

    id: str
    title: str
    status: Status
    summary: str
    details: JsonObject = field(default_factory=dict)
    covers: tuple[str, ...] = ()

    @property
    def row(self) -> tuple[str, str, str]:
        """The id, status and summary, for a journal line that lists several steps."""
        return self.id, self.status, self.summary


@dataclass(frozen=True)
class RunReport:
    """The result of a run.

    `state` is finished, failed, stopped, or planned for a dry-run. `freeze` is the freeze in force
    at the end.
    """

    run_id: str
    playbook: str
    environment: str
    started_at: datetime
    finished_at: datetime
    plan_digest: str
    state: str
    exit_code: ExitCode
    results: tuple[StepResult, ...]
    message: str | None = None
    next_command: str | None = None
    freeze: FreezeTruth | None = None
    details: JsonObject = field(default_factory=dict)
    proof: JsonObject = field(default_factory=dict)


class Reporter(Protocol):
    """Receives the events of a run, and shows them as text or as JSON lines."""

    def plan(self, playbook: Playbook, results: tuple[StepResult, ...], digest: str) -> None:
        """Show the plan."""

    def run_started(self, run_id: str, playbook: Playbook, *, resumed: bool) -> None:
        """Report that the run begins or is resumed; its journal is open."""

    def step_started(self, number: int, total: int, step: Step) -> None:
        """Report that a step begins."""

    def effect_started(self, effect_id: str, words: str) -> None:
        """Report that an effect begins; its intent is in the journal."""

    def effect_finished(self, effect_id: str, outcome: Outcome) -> None:
        """Report that an effect ended; its outcome is in the journal."""

    def step_finished(self, result: StepResult, seconds: float) -> None:
        """Report that a step ended."""

    def note(self, text: str) -> None:
        """Show a message to the user."""


class Silent:
    """A reporter that shows nothing."""

    def plan(self, playbook: Playbook, results: tuple[StepResult, ...], digest: str) -> None:
        """Say nothing."""

    def run_started(self, run_id: str, playbook: Playbook, *, resumed: bool) -> None:
        """Say nothing."""

    def step_started(self, number: int, total: int, step: Step) -> None:
        """Say nothing."""

    def effect_started(self, effect_id: str, words: str) -> None:
        """Say nothing."""

    def effect_finished(self, effect_id: str, outcome: Outcome) -> None:
        """Say nothing."""

    def step_finished(self, result: StepResult, seconds: float) -> None:
        """Say nothing."""

    def note(self, text: str) -> None:
        """Say nothing."""


def status_of(error: Exception) -> Status:
    """Return the status of an effect or step that ended with this error.

    The status is unknown, never failed, if the effect may have been applied.
    """
    if isinstance(error, Refused):
        return "refused"
    if isinstance(error, OutcomeUnknown | Unreachable):
        return "unknown"
    if isinstance(error, Inconclusive):
        return "inconclusive"
    return "failed" if isinstance(error, RubyopsError) else "unknown"
