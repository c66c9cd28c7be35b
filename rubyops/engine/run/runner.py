"""Carries out a playbook: performs one action after the other, as the rules decide.

An intent is on the disk before its effect begins, and the outcome before the next effect begins.
The lock is checked before every effect. A run that fails leaves money at least as frozen as before.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from rubyops.engine.effect_data import all_to_data
from rubyops.engine.engine_ports import EnginePorts
from rubyops.engine.journal import lines
from rubyops.engine.journal.history import History
from rubyops.engine.journal.writer import Journal
from rubyops.engine.plan.command_step import plan_step
from rubyops.engine.plan.step_plan import Plan, StepPlan
from rubyops.engine.report import Reporter, RunReport
from rubyops.engine.run import failpoint
from rubyops.engine.run import state as s
from rubyops.engine.run.charge import Charge, refuse_other_freeze
from rubyops.engine.run.ending import NextLine, journal_end, state_of
from rubyops.engine.run.money import MoneyWatch
from rubyops.engine.run.perform import NumberedEffect, Performer, RunIdentity
from rubyops.engine.run.rules import advance, next_action
from rubyops.errors import RubyopsError
from rubyops.model.exit_code import ExitCode
from rubyops.stop_signal import StopSignal


def _untold(run_id: str) -> None:
    """Write to no other journal."""


@dataclass
class Runner:
    """One run of one playbook.

    `history` is the earlier part of a resumed run, read from its journal. `tell_taken_over` writes
    into another run's journal that this run took over its freeze.
    """

    identity: RunIdentity
    plan: Plan
    ports: EnginePorts
    journal: Journal
    reporter: Reporter
    stop: StopSignal
    history: History | None = None
    tell_taken_over: Callable[[str], None] = _untold
    _began: float = field(default=0.0, init=False)

    def __post_init__(self) -> None:
        """Create the collaborators; the lock is not taken yet."""
        run_id, ports = self.identity.run_id, self.ports
        self._next_line = NextLine(run_id, self.plan.playbook, ports.read.environment.name)
        self._charge = Charge(
            run_id, self.identity.holder, ports, self.journal, self.reporter.note, self.stop
        )
        self._performer = self._make_performer()
        self._money = MoneyWatch(ports, self._performer, self.reporter, self._next_line)
        self._state = s.begin(self.plan, self.history, self._next_line.of("status"))
        self._doers = self._methods()

    def _make_performer(self) -> Performer:
        return Performer(
            self.identity,
            self.ports,
            self.journal,
            self.reporter,
            self.stop,
            self._charge,
            self._next_line.of("up"),
            self.tell_taken_over,
        )

    def _methods(self) -> dict[type[s.Action], Callable[[Any], s.Event]]:
        """Return the method that performs each type of action."""
        return {
            s.Enter: self._enter,
            s.AskCheck: self._ask_check,
            s.PlanNow: self._plan_now,
            s.GoOn: self._go_on,
            s.GuardMoney: self._guard_money,
            s.ResolveDoubt: self._resolve,
            s.Perform: self._perform,
            s.Leave: self._leave,
        }

    def run(self) -> RunReport:
        """Carry out every step that is not done yet; write the end, also a failed one."""
        started = datetime.now(UTC)
        try:
            error = self._joined() or self._steps()
            return self._end(started, error)
        finally:
            self.journal.close()
            self._charge.close()

    # --- the loop

    def _joined(self) -> RubyopsError | None:
        """Take the lock if the run needs it; return the error that keeps the run from starting."""
        try:
            self._join()
            if self.history is not None and self._charge.token is not None:
                status = self._next_line.of("status")
                refuse_other_freeze(self.identity.run_id, self.history, self.ports, status)
        except RubyopsError as error:
            return error
        except Exception as fault:
            return _unexpected(fault)
        return None

    def _steps(self) -> RubyopsError | None:
        while (action := next_action(self._state)) is not None:
            self._state = advance(self._state, self._event_of(action))
        return self._state.error

    def _event_of(self, action: s.Action) -> s.Event:
        try:
            return self._doers[type(action)](action)
        except RubyopsError as error:
            return s.Failed(error)
        except Exception as fault:
            # Also after a bug the journal must get the end of the run, and the report must state
            # the freeze in force.
            return s.Failed(_unexpected(fault), inside=False)

    def _join(self) -> None:
        """Take the lock if the run needs it; a brake run only anchors its journal."""
        if self.plan.is_brake:
            if self.ports.control.reachable():
                self._charge.anchor()
        elif self.plan.changes or self.history is not None:
            self._charge.take()

    # --- the actions

    def _enter(self, action: s.Enter) -> s.Event:
        step = action.state.step
        failpoint.pause_before(step.id)
        self.stop.raise_if_set()
        self._began = time.monotonic()
        self.reporter.step_started(action.number, len(self.plan.steps), step)
        self.journal.write(lines.StepStarted(step=step.id))
        return s.Entered()

    def _ask_check(self, action: s.AskCheck) -> s.Event:
        return s.Found(self.ports.check(action.state.step.name))

    def _plan_now(self, action: s.PlanNow) -> s.Event:
        self._join()
        now = plan_step(action.state.step, self.ports)
        # If the shown plan changed nothing, the run has no lock yet. The step is then planned again
        # under the lock, because another run may change the facts until then.
        if self._lacks_lock(now) and self._charge.take():
            now = plan_step(action.state.step, self.ports)
        planned = s.PlannedNow(now)
        if self._is_accepted(planned):
            self._journal_plan(now, action.state.record.last + 1)
        return planned

    def _lacks_lock(self, now: StepPlan) -> bool:
        return now.verdict == "planned" and self._charge.token is None and not self.plan.is_brake

    def _is_accepted(self, planned: s.PlannedNow) -> bool:
        """Whether the rules accept the plan: a refused plan is not written to the journal."""
        after = advance(self._state, planned).current
        return after is not None and after.error is None

    def _journal_plan(self, now: StepPlan, first: int) -> None:
        planned = lines.StepPlanned(
            step=now.step.id,
            first=first,
            effects=tuple(all_to_data(now.effects)),
            facts=now.facts,
            reason=now.reason,
        )
        self.journal.write(planned)

    def _go_on(self, action: s.GoOn) -> s.Event:
        self._join()
        doubt = ", which is in doubt" if action.in_doubt else ""
        step_id = action.state.step.id
        self.reporter.note(f"step {step_id} goes on at effect {action.number}{doubt}")
        return s.WentOn(action.number, action.effects, action.in_doubt)

    def _guard_money(self, action: s.GuardMoney) -> s.Event:
        if self.ports.command(action.state.step.name).guard_money:
            self._money.assert_holds(action.state, action.when)
        return s.Guarded()

    def _resolve(self, action: s.ResolveDoubt) -> s.Event:
        self.stop.raise_if_set()
        found = self._performer.resolve(_numbered(action))
        return s.Resolved() if found is None else s.Performed(found)

    def _perform(self, action: s.Perform) -> s.Event:
        self.stop.raise_if_set()
        return s.Performed(self._performer.perform(_numbered(action)))

    def _leave(self, action: s.Leave) -> s.Event:
        result = action.result
        finished = lines.StepFinished(
            step=result.id, status=result.status, summary=result.summary, details=result.details
        )
        self.journal.write(finished)
        self.reporter.step_finished(result, time.monotonic() - self._began)
        return s.Left()

    # --- the end

    def _end(self, started: datetime, error: RubyopsError | None) -> RunReport:
        report = RunReport(
            run_id=self.identity.run_id,
            playbook=self.plan.playbook.name,
            environment=self.ports.read.environment.name,
            started_at=started,
            finished_at=datetime.now(UTC),
            plan_digest=self.plan.digest,
            state=state_of(error),
            exit_code=error.exit_code if error else ExitCode.DONE,
            results=self._state.results(),
            message=error.message if error else None,
            next_command=self._next_line.after(error),
            freeze=self.ports.freeze(),
            details=error.details if error else {},
        )
        return journal_end(report, error, self.plan, self.ports, self.journal)


def _numbered(action: s.ResolveDoubt | s.Perform) -> NumberedEffect:
    return NumberedEffect(action.state.step.id, action.number, action.effect)


def _unexpected(fault: Exception) -> RubyopsError:
    error = RubyopsError(f"unexpected {type(fault).__name__}: {fault}")
    error.__cause__ = fault
    return error
