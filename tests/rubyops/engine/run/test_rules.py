"""The rules of a run as pure functions: scripted events in, actions and results out."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from rubyops.effects.base import AnyEffect, Outcome
from rubyops.effects.service_call import CallService
from rubyops.engine.effect_data import to_data
from rubyops.engine.journal.history import StepRecord
from rubyops.engine.plan.step_plan import Plan, StepPlan
from rubyops.engine.run import state as s
from rubyops.engine.run.rules import FOLDS, NEXT, OPENINGS, advance, next_action
from rubyops.engine.run.state import Action, Event, RunState, StepState
from rubyops.errors import (
    CheckFailed,
    Interrupted,
    LockLost,
    Refused,
    RubyopsError,
    TimedOut,
)
from rubyops.model.finding import failed, passed
from rubyops.model.kinds import KINDS, PlaybookKind
from rubyops.model.step import Playbook, Step, StepKind

ONE, TWO, THREE = (CallService("wallet_service", "POST", f"/{number}") for number in (1, 2, 3))
Script = dict[str, Callable[[Any], Event]]


def planned(name: str, *effects: AnyEffect, kind: StepKind = "command") -> StepPlan:
    step = Step(name, name.capitalize(), kind, name, None, (), 1)
    return StepPlan(step, "planned" if kind == "command" else "check", effects)


def checked(name: str) -> StepPlan:
    return planned(name, kind="check")


def run_of(kind: PlaybookKind, *steps: StepPlan, **records: StepRecord) -> RunState:
    playbook = Playbook("p", "P", kind, tuple(plan.step for plan in steps), {}, "a test")
    state = s.begin(Plan(playbook, steps, "p-1"), None, "rubyops status -e test")
    known = tuple(
        replace(step, record=records.get(step.step.id, step.record)) for step in state.steps
    )
    return replace(state, steps=known)


# The successful event of each action, unless a test scripts another event for a step.
WELL: dict[type[Action], Callable[[Any], Event]] = {
    s.Enter: lambda action: s.Entered(),
    s.AskCheck: lambda action: s.Found(passed("fine")),
    s.PlanNow: lambda action: s.PlannedNow(action.state.shown),
    s.GoOn: lambda action: s.WentOn(action.number, action.effects, action.in_doubt),
    s.GuardMoney: lambda action: s.Guarded(),
    s.ResolveDoubt: lambda action: s.Resolved(),
    s.Perform: lambda action: s.Performed(Outcome("ok", f"did {action.number}")),
    s.Leave: lambda action: s.Left(),
}


def play(state: RunState, **scripted: Callable[[Any], Event | None]) -> tuple[list[str], RunState]:
    """Play all actions; return their names and the last state.

    `scripted` has one function per step id. If the function returns None, the action succeeds.
    """
    told: list[str] = []
    while (action := next_action(state)) is not None:
        told.append(type(action).__name__)
        step = state.current
        assert step is not None
        script = scripted.get(step.step.id)
        event = script(action) if script is not None else None
        state = advance(state, event or WELL[type(action)](action))
    return told, state


def at(kind: type[Action], event: Event) -> Callable[[Any], Event | None]:
    """A script that answers the first action of `kind` with `event`."""
    events: Iterator[Event] = iter([event])
    return lambda action: next(events, None) if isinstance(action, kind) else None


def statuses(state: RunState) -> list[str]:
    return [result.status for result in state.results()]


def test_the_tables_have_a_row_for_everything() -> None:
    assert WELL.keys() == set(s.Action.__args__)
    assert FOLDS.keys() == set(s.Event.__args__)
    assert NEXT.keys() | {"left"} == set(s.Phase.__args__)  # type: ignore[attr-defined]
    assert OPENINGS.keys() == set(StepKind.__args__)  # type: ignore[attr-defined]


def test_a_command_is_planned_guarded_done_and_guarded_again() -> None:
    told, state = play(run_of("task", planned("one", ONE, TWO)))
    assert told == [
        "Enter", "PlanNow", "GuardMoney", "Perform", "Perform", "GuardMoney", "Leave",
    ]  # fmt: skip
    assert (state.error, state.changed) == (None, True)
    assert state.results()[0].summary == "did 1; did 2"


def test_a_step_of_no_ops_is_a_no_op() -> None:
    nothing = at(s.Perform, s.Performed(Outcome("noop", "already so")))
    _, state = play(run_of("task", planned("one", ONE)), one=nothing)
    assert statuses(state) == ["noop"]


def test_a_failed_check_ends_the_run_and_the_rest_is_not_reached() -> None:
    told, state = play(
        run_of("task", checked("look"), checked("more")), look=at(s.AskCheck, s.Found(failed("no")))
    )
    assert told == ["Enter", "AskCheck", "Leave"]
    assert isinstance(state.error, CheckFailed)
    assert state.results()[1].summary == "not reached"


def test_a_verification_looks_at_everything_before_it_fails() -> None:
    _, state = play(
        run_of("verification", checked("a"), checked("b"), checked("c")),
        a=at(s.AskCheck, s.Found(failed("no"))),
        c=at(s.AskCheck, s.Failed(TimedOut("late"))),
    )
    assert statuses(state) == ["failed", "ok", "failed"]
    assert isinstance(state.error, CheckFailed) and "2 of 3" in state.error.message
    assert state.error.details == {"failed": ["a", "c"]}


def test_a_verification_does_not_go_on_without_its_lock() -> None:
    _, state = play(
        run_of("verification", checked("a"), checked("b")),
        a=at(s.AskCheck, s.Failed(LockLost("another run"))),
    )
    assert isinstance(state.error, LockLost) and statuses(state) == ["refused", "skipped"]


@pytest.mark.parametrize("step", ["first", "freeze-acknowledged"])
def test_a_rollback_is_refused_where_its_freeze_is_not_confirmed(step: str) -> None:
    steps = (planned("first", ONE), planned("then", TWO), checked("freeze-acknowledged"))
    late = at(s.AskCheck if step != "first" else s.Perform, s.Failed(TimedOut("2 of 8")))
    _, state = play(run_of("rollback", *steps), **{step: late})
    assert isinstance(state.error, Refused) and "not confirmed" in state.error.message
    assert state.error.next_command == "rubyops status -e test"


def test_a_rollback_that_fails_later_fails_as_it_did() -> None:
    failing = at(s.Perform, s.Failed(CheckFailed("then")))
    steps = (planned("first", ONE), planned("then", TWO))
    _, state = play(run_of("rollback", *steps), then=failing)
    assert type(state.error) is CheckFailed


@pytest.mark.parametrize("kind", [s.PlanNow, s.GuardMoney, s.Perform])
def test_a_stop_leaves_the_step_open(kind: type[Action]) -> None:
    told, state = play(run_of("task", planned("one", ONE)), one=at(kind, s.Failed(Interrupted())))
    assert told[-1] == kind.__name__, "no Leave"
    assert isinstance(state.error, Interrupted)
    assert state.results()[0].summary.startswith("stopped inside")


def test_a_stop_before_a_step_does_not_reach_it() -> None:
    _, state = play(run_of("task", planned("one", ONE)), one=at(s.Enter, s.Failed(Interrupted())))
    assert state.results()[0].summary == "not reached"


def test_a_fault_of_ours_does_not_end_the_step() -> None:
    fault = s.Failed(RubyopsError("unexpected"), inside=False)
    told, state = play(run_of("task", planned("one", ONE)), one=at(s.PlanNow, fault))
    assert told == ["Enter", "PlanNow"] and statuses(state) == ["skipped"]


def test_a_result_that_cannot_be_journalled_ends_the_run_and_is_told() -> None:
    lost = at(s.Leave, s.Failed(RubyopsError("disk full")))
    told, state = play(run_of("task", planned("one", ONE), planned("two", TWO)), one=lost)
    assert told[-1] == "Leave" and statuses(state) == ["ok", "skipped"]


def test_effects_that_were_not_shown_are_refused() -> None:
    now = planned("one", TWO)
    _, state = play(run_of("task", planned("one", ONE)), one=at(s.PlanNow, s.PlannedNow(now)))
    assert isinstance(state.error, Refused) and "the plan is stale" in state.error.message
    assert statuses(state) == ["refused"]


def test_a_no_op_may_become_work_behind_a_change_of_this_run() -> None:
    noop = replace(planned("two"), verdict="noop", reason="nothing to do")
    work = at(s.PlanNow, s.PlannedNow(planned("two", TWO)))
    _, alone = play(run_of("task", noop), two=work)
    assert isinstance(alone.error, Refused)
    work = at(s.PlanNow, s.PlannedNow(planned("two", TWO)))
    _, behind = play(run_of("task", planned("one", ONE), noop), two=work)
    assert (behind.error, statuses(behind)) == (None, ["ok", "ok"])


def begun(done: int, *, intent: bool) -> StepRecord:
    """The record of a step with three effects: `done` ended, and with `intent` one more began."""
    numbers = range(1, done + 1)
    return StepRecord(
        effects=tuple(to_data(effect) for effect in (ONE, TWO, THREE)),
        intents=frozenset({*numbers, *({done + 1} if intent else set())}),
        outcomes=dict.fromkeys(numbers, "ok"),
        last=done + intent,
    )


@pytest.mark.parametrize("intent", [False, True])
@pytest.mark.parametrize("done", [0, 1, 2])
def test_a_resume_does_each_effect_that_is_left_once(done: int, intent: bool) -> None:
    acts: list[int] = []

    def note(action: Action) -> Event | None:
        if isinstance(action, s.Perform):
            acts.append(action.number)
        return None

    state = run_of("task", planned("one", ONE, TWO, THREE), one=begun(done, intent=intent))
    told, state = play(state, one=note)
    assert acts == [1, 2, 3][done:]
    assert ("ResolveDoubt" in told) is intent
    assert ("GoOn" in told) is bool(done or intent), "a step without an intent is planned afresh"
    assert state.error is None


def test_an_effect_in_doubt_that_was_applied_is_not_done_again() -> None:
    state = run_of("task", planned("one", ONE, TWO, THREE), one=begun(1, intent=True))
    applied = at(s.ResolveDoubt, s.Performed(Outcome("ok", "found done")))
    told, state = play(state, one=applied)
    assert told.count("Perform") == 1
    assert state.results()[0].summary == "found done; did 3"


def test_a_step_that_is_done_is_not_entered_again() -> None:
    playbook_steps = (planned("one", ONE), planned("two", TWO))
    state = run_of("task", *playbook_steps)
    done = StepRecord(status="ok", summary="did it", details={"n": 1})
    begun_state = s.begin(
        Plan(Playbook("p", "P", "task", (), {}, ""), playbook_steps, "p-1"),
        History({"one": done}),  # type: ignore[arg-type]
        "status",
    )
    told, begun_state = play(begun_state)
    assert told.count("Enter") == 1
    assert begun_state.results()[0].details == {"n": 1, "done_before_resume": True}
    assert state.rules is KINDS["task"]


class History:
    """The part of a history that the start of a run uses."""

    def __init__(self, steps: dict[str, StepRecord]) -> None:  # noqa: D107
        self.steps = steps
        self.changed = True


def test_the_brake_of_a_broken_invariant_has_a_number_of_its_own() -> None:
    seen: list[StepState] = []

    def guard(action: Action) -> Event | None:
        if isinstance(action, s.GuardMoney):
            seen.append(action.state)
        return None

    play(run_of("task", planned("one", ONE, TWO)), one=guard)
    assert [state.last_number for state in seen] == [2, 2], "behind the effects of the step"
