"""The state of a run, and the actions and events that move it: plain values, without a port.

A run is a fold: `rules.next_action` says from the state which action comes next, the runner does
it and gets an event, and `rules.advance` folds the event into the state (ADR 25).
"""

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
    """How far one step is.

    waiting -> open (journalled as begun) -> ready (its effects are known) -> acting (money was
    looked at) -> acted (no effect is left) -> ended (it has a result) -> left (journalled as such).
    `queue` holds the effects that are left, each with its number; `in_doubt` is about the first.
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
    def step(self) -> Step:
        """The step of the playbook."""
        return self.shown.step

    def result_as(self, outcome: Outcome) -> StepResult:
        """Make the result row of an outcome."""
        step = self.step
        return StepResult(
            step.id, step.title, outcome.status, outcome.summary, outcome.details, step.covers
        )

    def ended(self, outcome: Outcome, error: RubyopsError | None = None) -> "StepState":
        """End the step with this outcome."""
        return replace(self, phase="ended", result=self.result_as(outcome), error=error)


@dataclass(frozen=True)
class RunState:
    """How far a run is. `changed` is whether an effect of it was begun, by this process or before.

    `broken` names the steps that failed in a playbook that goes on; `error` ends the run.
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
        """The step that the run is at; None behind the last one."""
        return self.steps[self.at] if self.at < len(self.steps) else None

    def at_step(self, step: StepState) -> "RunState":
        """Put a newer state of the present step in its place."""
        return replace(self, steps=(*self.steps[: self.at], step, *self.steps[self.at + 1 :]))

    def results(self) -> tuple[StepResult, ...]:
        """Return a row per step, also of those that the run did not reach."""
        skipped = Outcome("skipped", "not reached")
        return tuple(step.result or step.result_as(skipped) for step in self.steps)


def begin(plan: Plan, history: History | None, status_line: str) -> RunState:
    """Return the state before the first action: of a new run, or as its journal tells."""
    records = history.steps if history is not None else {}
    steps = tuple(_begun(shown, records.get(shown.step.id, StepRecord())) for shown in plan.steps)
    changed = history.changed if history is not None else False
    at = next((at for at, step in enumerate(steps) if step.phase != "left"), len(steps))
    return RunState(KINDS[plan.playbook.kind], steps, status_line, at=at, changed=changed)


def _begun(shown: StepPlan, record: StepRecord) -> StepState:
    state = StepState(shown, record)
    if not record.done:
        return state
    status: Literal["noop", "ok"] = "noop" if record.status == "noop" else "ok"
    details = {**record.details, "done_before_resume": True}
    return replace(state.ended(Outcome(status, record.summary, details)), phase="left")


# --- actions: what the runner is asked to do


@dataclass(frozen=True)
class Enter:
    """Begin the step: journal and report say so."""

    number: int
    state: StepState


@dataclass(frozen=True)
class AskCheck:
    """Ask the check that the step names."""

    state: StepState


@dataclass(frozen=True)
class PlanNow:
    """Plan the step on the facts of this moment, under the lock."""

    state: StepState


@dataclass(frozen=True)
class GoOn:
    """Go on inside a step that an earlier process began."""

    state: StepState
    number: int
    effects: tuple[AnyEffect, ...]
    in_doubt: bool


@dataclass(frozen=True)
class GuardMoney:
    """Look at the invariants before or after the step's effects."""

    state: StepState
    when: Literal["before", "after"]


@dataclass(frozen=True)
class ResolveDoubt:
    """Find out whether an effect with an intent and no outcome was applied."""

    state: StepState
    number: int
    effect: AnyEffect


@dataclass(frozen=True)
class Perform:
    """Carry an effect out, between an intent and an outcome in the journal."""

    state: StepState
    number: int
    effect: AnyEffect


@dataclass(frozen=True)
class Leave:
    """Journal and report the result of the step."""

    result: StepResult


Action = Enter | AskCheck | PlanNow | GoOn | GuardMoney | ResolveDoubt | Perform | Leave


# --- events: how an action ended


@dataclass(frozen=True)
class Entered:
    """The step is begun."""


@dataclass(frozen=True)
class Found:
    """The check gave a finding."""

    finding: Finding


@dataclass(frozen=True)
class PlannedNow:
    """The step was planned on present facts."""

    plan: StepPlan


@dataclass(frozen=True)
class WentOn:
    """The step goes on with the effects that it had."""

    number: int
    effects: tuple[AnyEffect, ...]
    in_doubt: bool


@dataclass(frozen=True)
class Guarded:
    """The invariants hold."""


@dataclass(frozen=True)
class Resolved:
    """The effect in doubt was not applied, or may be repeated: it has to be carried out."""


@dataclass(frozen=True)
class Performed:
    """The first effect that was left has this outcome."""

    outcome: Outcome


@dataclass(frozen=True)
class Left:
    """The step's result is on the disk."""


@dataclass(frozen=True)
class Failed:
    """The action raised. `inside` is False where the step itself stays open for a resume."""

    error: RubyopsError
    inside: bool = True


Event = Entered | Found | PlannedNow | WentOn | Guarded | Resolved | Performed | Left | Failed
