"""The state of a run, and its actions and events: plain values without access to the platform.

`rules.next_action` derives the next action from the state. The runner performs it and gets an
event. `rules.advance` returns the state after the event (ADR 25).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from rubyops.effects.base import AnyEffect, Outcome
from rubyops.engine.journal.history import History, StepRecord
from rubyops.engine.plan.step_plan import Plan, StepPlan
from rubyops.engine.report import StepResult
from rubyops.errors import RubyopsError
from rubyops.model.finding import Finding
from rubyops.model.json_object import JsonObject
from rubyops.model.kinds import KINDS, KindRules
from rubyops.model.step import Step

Phase = Literal["waiting", "open", "ready", "acting", "acted", "ended", "left"]


@dataclass(frozen=True)
class StepState:
    """The progress of one step.

    The phases are: waiting -> open (its start is in the journal) -> ready (its effects are known)
    -> acting (the money invariants held) -> acted (all effects are done) -> ended (it has a result)
    -> left (the result is in the journal). `queue` holds the remaining effects with their numbers.
    `in_doubt` says whether the first of them may have been applied.
    """

    shown: StepPlan
    record: StepRecord
    phase: Phase = "waiting"
    queue: tuple[tuple[int, AnyEffect], ...] = ()
    in_doubt: bool = False
    last_number: int = 0
    outcomes: tuple[Outcome, ...] = ()
    facts: JsonObject = field(default_factory=dict)
    result: StepResult | None = None
    error: RubyopsError | None = None

    @property
    def is_left(self) -> bool:
        """Whether the result of the step is in the journal."""
        return self.phase == "left"

    @property
    def step(self) -> Step:
        """The step of the playbook."""
        return self.shown.step

    def result_as(self, outcome: Outcome) -> StepResult:
        """Return the result of the step with this outcome."""
        step = self.step
        return StepResult(
            step.id, step.title, outcome.status, outcome.summary, outcome.details, step.covers
        )

    def ended(self, outcome: Outcome, error: RubyopsError | None = None) -> "StepState":
        """End the step with this outcome."""
        return replace(self, phase="ended", result=self.result_as(outcome), error=error)


@dataclass(frozen=True)
class RunState:
    """The progress of a run; `at` is the index of its current step.

    `changed` is True once an effect has begun, in this process or an earlier one. `broken` names
    the failed steps of a playbook that continues after failures. `error` ends the run.
    """

    rules: KindRules
    steps: tuple[StepState, ...]
    status_line: str
    at: int = 0
    changed: bool = False
    broken: tuple[str, ...] = ()
    error: RubyopsError | None = None

    @property
    def current(self) -> StepState | None:
        """The current step; None after the last one."""
        return self.steps[self.at] if self.at < len(self.steps) else None

    def at_step(self, step: StepState) -> "RunState":
        """Return the run with a new state of its current step."""
        return replace(self, steps=(*self.steps[: self.at], step, *self.steps[self.at + 1 :]))

    def results(self) -> tuple[StepResult, ...]:
        """Return a result for every step; a step that was not reached is skipped."""
        skipped = Outcome("skipped", "not reached")
        return tuple(step.result or step.result_as(skipped) for step in self.steps)


def begin(plan: Plan, history: History | None, status_line: str) -> RunState:
    """Return the state before the first action; `history` is the past of a resumed run."""
    records = history.steps if history is not None else {}
    steps = tuple(_begun(shown, records.get(shown.step.id, StepRecord())) for shown in plan.steps)
    return RunState(
        KINDS[plan.playbook.kind],
        steps,
        status_line,
        at=next_open(steps, 0),
        changed=history is not None and history.changed,
    )


def next_open(steps: Sequence[StepState], start: int) -> int:
    """Return the index of the first unfinished step from `start` on, or `len(steps)`."""
    return next((at for at in range(start, len(steps)) if not steps[at].is_left), len(steps))


def _begun(shown: StepPlan, record: StepRecord) -> StepState:
    state = StepState(shown, record)
    return replace(state.ended(_earlier(record)), phase="left") if record.done else state


def _earlier(record: StepRecord) -> Outcome:
    """Return the outcome of a step that an earlier process has finished."""
    details = {**record.details, "done_before_resume": True}
    return Outcome("noop" if record.status == "noop" else "ok", record.summary, details)


# --- actions: the next thing that the runner has to do


@dataclass(frozen=True)
class Enter:
    """Begin a step: journal and report get its start."""

    number: int
    state: StepState


@dataclass(frozen=True)
class AskCheck:
    """Run the check that the step names."""

    state: StepState


@dataclass(frozen=True)
class PlanNow:
    """Plan the step on the present facts, while the run holds the lock."""

    state: StepState


@dataclass(frozen=True)
class GoOn:
    """Continue a step that an earlier process began."""

    state: StepState
    number: int
    effects: tuple[AnyEffect, ...]
    in_doubt: bool


@dataclass(frozen=True)
class GuardMoney:
    """Check the money invariants before or after the step's effects."""

    state: StepState
    when: Literal["before", "after"]


@dataclass(frozen=True)
class ResolveDoubt:
    """Find out whether an effect was applied that has an intent and no outcome."""

    state: StepState
    number: int
    effect: AnyEffect


@dataclass(frozen=True)
class Perform:
    """Carry out an effect; its intent and outcome go into the journal."""

    state: StepState
    number: int
    effect: AnyEffect


@dataclass(frozen=True)
class Leave:
    """Write the result of the step into journal and report."""

    result: StepResult


Action = Enter | AskCheck | PlanNow | GoOn | GuardMoney | ResolveDoubt | Perform | Leave


# --- events: the results of actions


@dataclass(frozen=True)
class Entered:
    """The start of the step is in the journal."""


@dataclass(frozen=True)
class Found:
    """The check returned a finding."""

    finding: Finding


@dataclass(frozen=True)
class PlannedNow:
    """The step was planned on the present facts."""

    plan: StepPlan


@dataclass(frozen=True)
class WentOn:
    """A resumed step continues with the effects of its journal."""

    number: int
    effects: tuple[AnyEffect, ...]
    in_doubt: bool


@dataclass(frozen=True)
class Guarded:
    """The money invariants hold."""


@dataclass(frozen=True)
class Resolved:
    """The effect in doubt was not applied, or is safe to repeat: it has to be carried out."""


@dataclass(frozen=True)
class Performed:
    """The first effect of the queue has this outcome."""

    outcome: Outcome


@dataclass(frozen=True)
class Left:
    """The step's result is in the journal."""


@dataclass(frozen=True)
class Failed:
    """The action raised an error. `inside` is False if the step must stay open for a resume."""

    error: RubyopsError
    inside: bool = True


Event = Entered | Found | PlannedNow | WentOn | Guarded | Resolved | Performed | Left | Failed
