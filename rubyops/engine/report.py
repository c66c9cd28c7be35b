"""Reports of a run: each step while it goes on, and the whole at its end."""

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
    """How one step ended; the same shape that `--output json` lists under `results`."""

    id: str
    title: str
    status: Status
    summary: str
    details: JsonObject = field(default_factory=dict)
    covers: tuple[str, ...] = ()


@dataclass(frozen=True)
class RunReport:
    """How a run ended.

    `state` is finished, failed, stopped or planned (a dry-run); `freeze` is the one in force.
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
    """The follower of a run: a person's terminal, a stream of JSON lines, or nobody."""

    def plan(self, playbook: Playbook, results: tuple[StepResult, ...], digest: str) -> None:
        """Show the plan."""

    def run_started(self, run_id: str, playbook: Playbook, *, resumed: bool) -> None:
        """Say that the journal is open and the run begins or goes on."""

    def step_started(self, number: int, total: int, step: Step) -> None:
        """Say that a step begins."""

    def effect_started(self, effect_id: str, words: str) -> None:
        """Say that an effect begins; its intent is on the disk."""

    def effect_finished(self, effect_id: str, outcome: Outcome) -> None:
        """Say that an effect ended; its outcome is on the disk."""

    def step_finished(self, result: StepResult, seconds: float) -> None:
        """Say that a step ended."""

    def note(self, text: str) -> None:
        """Something a person should know."""


class Silent:
    """A reporter for nobody."""

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

    An effect that may have been applied is unknown, never failed.
    """
    if isinstance(error, Refused):
        return "refused"
    if isinstance(error, OutcomeUnknown | Unreachable):
        return "unknown"
    if isinstance(error, Inconclusive):
        return "inconclusive"
    return "failed" if isinstance(error, RubyopsError) else "unknown"
