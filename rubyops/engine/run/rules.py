"""The rules of a run, as pure functions: the next action, and the new state after an event."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from rubyops.effects.base import AnyEffect, Outcome
from rubyops.engine.effect_data import all_to_data
from rubyops.engine.plan.step_plan import StepPlan, same_as_shown
from rubyops.engine.report import status_of
from rubyops.engine.run import state as s
from rubyops.engine.run.state import Action, Event, Phase, RunState, StepState
from rubyops.errors import CheckFailed, Interrupted, Refused, RubyopsError, TimedOut
from rubyops.model.step import Step, StepKind

STOPPED_INSIDE = Outcome("unknown", "stopped inside this step; a resume goes on there")


# --- the next action


def next_action(run: RunState) -> Action | None:
    """Return the next action; None at the end of the run."""
    step = run.current
    if run.error is not None or step is None:
        return None
    return NEXT[step.phase](run, step)


def _open_check(step: StepState) -> Action:
    return s.AskCheck(step)


def _open_command(step: StepState) -> Action:
    """Continue with the effects of an interrupted step, or plan the step."""
    remaining = step.record.remaining()
    if remaining is None:
        return s.PlanNow(step)
    return s.GoOn(step, *remaining)


# The first action of a step, by its kind.
OPENINGS: dict[StepKind, Callable[[StepState], Action]] = {
    "check": _open_check,
    "command": _open_command,
}


def _next_effect(run: RunState, step: StepState) -> Action:
    del run
    number, effect = step.queue[0]
    if step.in_doubt:
        return s.ResolveDoubt(step, number, effect)
    return s.Perform(step, number, effect)


def _leave(run: RunState, step: StepState) -> Action:
    del run
    assert step.result is not None, "a step that has ended has a result"
    return s.Leave(step.result)


NEXT: dict[Phase, Callable[[RunState, StepState], Action]] = {
    "waiting": lambda run, step: s.Enter(run.at + 1, step),
    "open": lambda run, step: OPENINGS[step.step.kind](step),
    "ready": lambda run, step: s.GuardMoney(step, "before"),
    "acting": _next_effect,
    "acted": lambda run, step: s.GuardMoney(step, "after"),
    "ended": _leave,
}


# --- the new state after an event


def advance(run: RunState, event: Event) -> RunState:
    """Return the state of the run after an event."""
    step = run.current
    assert step is not None, "events happen at a step"
    fold: Callable[[RunState, StepState, Event], RunState] = FOLDS[type(event)]
    return fold(run, step, event)


def _entered(run: RunState, step: StepState, event: s.Entered) -> RunState:
    del event
    return run.at_step(replace(step, phase="open"))


def _found(run: RunState, step: StepState, event: s.Found) -> RunState:
    found = event.finding
    return run.at_step(_judged(step, Outcome(found.status, found.summary, found.details)))


def _planned_now(run: RunState, step: StepState, event: s.PlannedNow) -> RunState:
    return run.at_step(_planned(step, event.plan, changed_before=run.changed))


def _went_on(run: RunState, step: StepState, event: s.WentOn) -> RunState:
    ready = _ready(step, event.number, event.effects)
    return run.at_step(replace(ready, in_doubt=event.in_doubt))


def _guarded(run: RunState, step: StepState, event: s.Guarded) -> RunState:
    del event
    if step.phase == "ready":
        return run.at_step(replace(step, phase="acting" if step.queue else "acted"))
    return run.at_step(step.ended(_total(step)))


def _resolved(run: RunState, step: StepState, event: s.Resolved) -> RunState:
    del event
    return run.at_step(replace(step, in_doubt=False))


def _performed(run: RunState, step: StepState, event: s.Performed) -> RunState:
    left = step.queue[1:]
    done = replace(
        step,
        phase="acting" if left else "acted",
        queue=left,
        in_doubt=False,
        outcomes=(*step.outcomes, event.outcome),
        facts={**step.facts, **event.outcome.details},
    )
    return replace(run.at_step(done), changed=True)


def _failed(run: RunState, step: StepState, event: s.Failed) -> RunState:
    """End the step with the error, or end the run if the error lies outside of a step.

    A stop by a signal ends the run and leaves the step unfinished, so that a resume continues it.
    """
    if not event.inside or step.phase in ("waiting", "ended"):
        return replace(run, error=event.error)
    if isinstance(event.error, Interrupted):
        return _stopped(run, step, event.error)
    return run.at_step(step.ended(_outcome_of(event.error), event.error))


def _stopped(run: RunState, step: StepState, error: Interrupted) -> RunState:
    stopped = replace(step, result=step.result_as(STOPPED_INSIDE))
    return replace(run.at_step(stopped), error=error)


def _left(run: RunState, step: StepState, event: s.Left) -> RunState:
    """Go to the next step; after an error the kind of playbook decides if the run ends."""
    del event
    after = replace(run.at_step(replace(step, phase="left")), at=s.next_open(run.steps, run.at + 1))
    if step.error is None:
        return _closed(after)
    return _after_error(after, step.step.id, _confirming(run, step, step.error))


def _after_error(run: RunState, step_id: str, error: RubyopsError) -> RunState:
    if run.rules.goes_on_after_failure and _is_negative(error):
        return _closed(replace(run, broken=(*run.broken, step_id)))
    return replace(run, error=error)


def _is_negative(error: RubyopsError) -> bool:
    return isinstance(error, (CheckFailed, TimedOut))


FOLDS: dict[type[Event], Callable[[RunState, StepState, Any], RunState]] = {
    s.Entered: _entered,
    s.Found: _found,
    s.PlannedNow: _planned_now,
    s.WentOn: _went_on,
    s.Guarded: _guarded,
    s.Resolved: _resolved,
    s.Performed: _performed,
    s.Failed: _failed,
    s.Left: _left,
}


# --- helpers of the functions above


def _judged(step: StepState, outcome: Outcome) -> StepState:
    """End the step with a check's outcome; failed and inconclusive also become an error."""
    if outcome.status not in ("failed", "inconclusive"):
        return step.ended(outcome)
    return step.ended(outcome, _check_failed(step.step, outcome))


def _check_failed(step: Step, outcome: Outcome) -> CheckFailed:
    details = {"ids": list(step.covers), **outcome.details}
    return CheckFailed(f"{step.name} {outcome.status}: {outcome.summary}", details=details)


def _planned(step: StepState, now: StepPlan, *, changed_before: bool) -> StepState:
    error = now.error or _stale(step.shown, now, changed_before=changed_before)
    if error is not None:
        return step.ended(_outcome_of(error), error)
    facts = dict(now.facts)
    if now.verdict == "noop":
        return step.ended(Outcome("noop", now.reason, facts))
    return replace(_ready(step, step.record.last + 1, now.effects), facts=facts)


def _stale(shown: StepPlan, now: StepPlan, *, changed_before: bool) -> Refused | None:
    if same_as_shown(shown, now, changed_before=changed_before):
        return None
    return Refused(
        f"step {shown.step.id} was shown as [{shown.in_short()}] and would now be "
        f"[{now.in_short()}]: the plan is stale, and this step changed nothing",
        details={"shown": all_to_data(shown.effects), "now": all_to_data(now.effects)},
    )


def _ready(step: StepState, first: int, effects: tuple[AnyEffect, ...]) -> StepState:
    last = max(step.record.last, first + len(effects) - 1)
    return replace(step, phase="ready", queue=tuple(enumerate(effects, first)), last_number=last)


def _total(step: StepState) -> Outcome:
    """Combine the outcomes of a step's effects into one."""
    summary = "; ".join(outcome.summary for outcome in step.outcomes) or "already done before"
    return Outcome("noop" if _did_nothing(step) else "ok", summary, step.facts)


def _did_nothing(step: StepState) -> bool:
    return {outcome.status for outcome in step.outcomes} == {"noop"}


def _outcome_of(error: RubyopsError) -> Outcome:
    return Outcome(status_of(error), error.message, error.details)


def _confirming(run: RunState, step: StepState, error: RubyopsError) -> RubyopsError:
    """Turn a failure of the steps that freeze, or confirm the freeze, into `Refused`."""
    if _is_confirming(run, step) and _is_negative(error):
        return _unconfirmed(run, error)
    return error


def _unconfirmed(run: RunState, error: RubyopsError) -> Refused:
    refused = Refused(
        "the freeze is not confirmed by every copy, so the rollback goes no further: "
        f"{error.message}",
        next_command=run.status_line,
        details=error.details,
    )
    refused.__cause__ = error
    return refused


def _is_confirming(run: RunState, step: StepState) -> bool:
    checks = run.rules.confirming_checks
    return bool(checks) and (run.at == 0 or step.step.name in checks)


def _closed(run: RunState) -> RunState:
    """After the last step, fail a run in which steps have failed."""
    if run.current is not None or not run.broken:
        return run
    return replace(run, error=_some_failed(run.broken, len(run.steps)))


def _some_failed(broken: tuple[str, ...], steps: int) -> CheckFailed:
    words = f"{len(broken)} of {steps} did not hold: {', '.join(broken)}"
    return CheckFailed(words, details={"failed": list(broken)})
