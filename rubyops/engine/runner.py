"""Carries a playbook out, step by step: money invariants, plan again under the lock, journal around every effect.

The order is the promise. An intent is on the disk before its effect begins and an outcome before the next one does, the
lock is asked for before every effect, and a run that cannot go on leaves money at least as frozen as it found it.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from rubyops.engine import failpoint
from rubyops.engine.charge import Charge, refuse_other_freeze
from rubyops.engine.describe import describe
from rubyops.engine.effect_data import to_data
from rubyops.engine.ending import journal_end, not_reached, state_of
from rubyops.engine.execute import carry_out
from rubyops.engine.guard import first_broken
from rubyops.engine.hands import EffectContext
from rubyops.engine.journal import lines
from rubyops.engine.journal.history import History, StepRecord
from rubyops.engine.journal.writer import Journal
from rubyops.engine.planner import Plan, StepPlan, plan_step, same_as_shown
from rubyops.engine.probe import settle
from rubyops.engine.report import Outcome, Reporter, RunReport, StepResult, status_of
from rubyops.engine.stop import StopSignal
from rubyops.engine.tools import EnginePorts
from rubyops.errors import (
    CheckFailed,
    Interrupted,
    LockLost,
    OutcomeUnknown,
    Overruled,
    Refused,
    RubyopsError,
    TimedOut,
    Unreachable,
)
from rubyops.model.effect import BRAKE, Effect, Migrate, RaiseFreeze, StartPlatform
from rubyops.model.exit_code import ExitCode
from rubyops.model.finding import Finding
from rubyops.model.status import Status
from rubyops.model.step import Command, Step
from rubyops.ports import EffectIdentity, Holder
from wallet_runtime.contract import INGRESS
from wallet_runtime.contract.freeze import strictness

FREEZE_CHECK = "freeze-acknowledged"
TAKE_OVER = "take-over"  # the parameter by which a playbook adopts the freeze of a run


Remark = Callable[[str, lines.Content], None]


def no_remark(run_id: str, content: lines.Content) -> None:
    """Say nothing in another run's journal."""


@dataclass
class Runner:
    """One run of one playbook.

    `history` is what its journal says when the run was begun by an earlier process, `owner` whose
    its freezes are, `remark` adds a line to another run's journal.
    """

    run_id: str
    plan: Plan
    tools: EnginePorts
    journal: Journal
    holder: Holder
    reporter: Reporter
    stop: StopSignal
    history: History | None = None
    owner: str = ""
    remark: Remark = no_remark
    _charge: Charge = field(init=False)
    _effects: int = field(default=0, init=False)
    _changed: bool = field(default=False, init=False)
    _results: list[StepResult] = field(default_factory=list, init=False)
    _broken: list[str] = field(default_factory=list, init=False)
    _guarding: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        """Be in charge of nothing yet."""
        say, stop = self.reporter.note, self.stop
        self._charge = Charge(self.run_id, self.holder, self.tools, self.journal, say, stop)

    def run(self) -> RunReport:
        """Do every step that is not done yet; every end, good or bad, is in journal and report."""
        started = datetime.now(UTC)
        self._changed = self.history.changed if self.history else False
        error: RubyopsError | None = None
        try:
            self._steps()
        except RubyopsError as fault:
            error = fault
        except Exception as fault:
            # A fault of ours must not leave the run without an end, nor the money untold.
            error = RubyopsError(f"unexpected {type(fault).__name__}: {fault}")
            error.__cause__ = fault
        try:
            return self._end(started, error)
        finally:
            self.journal.close()
            self._charge.close()

    # --- steps

    def _steps(self) -> None:
        self._join()
        if self.history is not None and self._charge.token is not None:
            began = self.history.began_under
            level = began[0] if began else None
            refuse_other_freeze(self.run_id, level, self.tools, self._line("status"))
        total = len(self.plan.steps)
        for number, shown in enumerate(self.plan.steps, 1):
            record = self.history.steps.get(shown.step.id) if self.history else None
            if record is not None and record.done:
                self._results.append(_earlier(shown.step, record))
                continue
            failpoint.pause_before(shown.step.id)
            self.stop.raise_if_set()
            self.reporter.step_started(number, total, shown.step)
            self.journal.write(lines.StepStarted(step=shown.step.id))
            self._verify_or_stop(shown, record or StepRecord())
        if self._broken:
            raise CheckFailed(
                f"{len(self._broken)} of {total} did not hold: {', '.join(self._broken)}",
                details={"failed": self._broken},
            )

    def _verify_or_stop(self, shown: StepPlan, record: StepRecord) -> None:
        """Do a step. A verification looks at everything before it fails; any other playbook stops where something is wrong."""
        try:
            self._step(shown, record)
        except (CheckFailed, TimedOut) as error:
            if self.plan.playbook.kind == "rollback" and (
                shown is self.plan.steps[0] or shown.step.name == FREEZE_CHECK
            ):
                message = f"the freeze is not confirmed by every copy, so the rollback goes no further: {error.message}"
                raise Refused(
                    message, next_command=self._line("status"), details=error.details
                ) from error
            if self.plan.playbook.kind != "verification":
                raise
            self._broken.append(shown.step.id)

    def _step(self, shown: StepPlan, record: StepRecord) -> None:
        began = time.monotonic()
        step = shown.step
        try:
            result = self._check(step) if step.kind == "check" else self._command(shown, record)
        except Interrupted:
            # No `step_finished` line: the step is open, and a resume goes on inside of it.
            self._results.append(
                StepResult(
                    step.id,
                    step.title,
                    "unknown",
                    "stopped inside this step; a resume goes on there",
                    covers=step.covers,
                )
            )
            raise
        except RubyopsError as error:
            self._finish_step(
                StepResult(
                    step.id, step.title, status_of(error), error.message, error.details, step.covers
                ),
                began,
            )
            raise
        self._finish_step(result, began)
        if result.status in ("failed", "inconclusive"):
            raise CheckFailed(
                f"{step.name} {result.status}: {result.summary}",
                details={"ids": list(step.covers), **result.details},
            )

    def _finish_step(self, result: StepResult, began: float) -> None:
        self._results.append(result)
        self.journal.write(
            lines.StepFinished(
                step=result.id,
                status=result.status,
                summary=result.summary,
                details=result.details,
            )
        )
        self.reporter.step_finished(result, time.monotonic() - began)

    def _check(self, step: Step) -> StepResult:
        finding = self.tools.check(step.name)
        return StepResult(
            step.id, step.title, finding.status, finding.summary, finding.details, step.covers
        )

    def _command(self, shown: StepPlan, record: StepRecord) -> StepResult:
        step = shown.step
        command = self.tools.command(step.name)
        self._join()
        remaining = record.remaining()
        if remaining is None:
            return self._fresh(shown, command, record)
        number, effects, doubtful = remaining
        self.reporter.note(
            f"step {step.id} goes on at effect {number}"
            + (", which is in doubt" if doubtful else "")
        )
        return self._effects_of(step, command, record, effects, number, doubtful=doubtful, facts={})

    def _fresh(self, shown: StepPlan, command: Command[object], record: StepRecord) -> StepResult:
        step = shown.step
        now = plan_step(step, self.tools)
        if now.kind == "wanted" and self._charge.token is None and not self.plan.is_brake:
            # Shown as nothing to do, it has become work: it is planned again under the lock.
            now = plan_step(step, self.tools) if self._charge.take() else now
        if now.error is not None:
            raise now.error
        if not same_as_shown(
            shown, now, unplannable=command.unplannable, changed_before=self._changed
        ):
            raise Refused(
                f"step {step.id} was shown as [{_words(shown)}] and would now be [{_words(now)}]: "
                "the plan is stale, and this step changed nothing",
                details={
                    "shown": [to_data(item) for item in shown.effects],
                    "now": [to_data(item) for item in now.effects],
                },
            )
        first = record.last + 1
        self.journal.write(
            lines.StepPlanned(
                step=step.id,
                first=first,
                effects=tuple(to_data(item) for item in now.effects),
                facts=now.facts or {},
                reason=now.reason,
            )
        )
        if now.kind == "noop":
            return StepResult(
                step.id, step.title, "noop", now.reason, dict(now.facts or {}), step.covers
            )
        return self._effects_of(
            step,
            command,
            record,
            list(now.effects),
            first,
            doubtful=False,
            facts=dict(now.facts or {}),
        )

    def _effects_of(
        self,
        step: Step,
        command: Command[object],
        record: StepRecord,
        effects: list[Effect],
        first: int,
        *,
        doubtful: bool,
        facts: dict[str, object],
    ) -> StepResult:
        last = max(record.last, first + len(effects) - 1)
        self._assert_money(step, command, "before", last)
        details, outcomes = facts, list[Outcome]()
        for offset, effect in enumerate(effects):
            self.stop.raise_if_set()
            outcome = self._effect(step, effect, first + offset, doubtful=doubtful and offset == 0)
            outcomes.append(outcome)
            details.update(outcome.details)
        self._assert_money(step, command, "after", last)
        status: Status = (
            "noop" if outcomes and all(outcome.status == "noop" for outcome in outcomes) else "ok"
        )
        summary = "; ".join(outcome.summary for outcome in outcomes) or "already done before"
        return StepResult(step.id, step.title, status, summary, details, step.covers)

    # --- effects

    def _effect(
        self,
        step: Step,
        effect: Effect,
        number: int,
        *,
        doubtful: bool = False,
        guard: bool = False,
    ) -> Outcome:
        self._effects += 1
        mark = self._mark(step, effect, number)
        if doubtful and settle(effect, self.tools.read) == "applied":
            outcome = Outcome("ok", f"found done: {describe(effect)}")
            self._note_outcome(step, mark, number, outcome)
            return outcome
        failpoint.reach("before-intent", self._effects)
        self.journal.write(
            lines.EffectIntended(
                step=step.id,
                number=number,
                effect_id=mark.effect_id,
                effect=to_data(effect),
                words=describe(effect),
                token=mark.token,
                guard=guard,
            )
        )
        failpoint.reach("after-intent", self._effects)
        self.reporter.effect_started(mark.effect_id, describe(effect))
        outcome = self._carry_out(step, effect, mark, number)
        if isinstance(epoch := outcome.details.get("epoch"), int):
            self._charge.knows(epoch)
        failpoint.reach("after-effect", self._effects)
        self._note_outcome(step, mark, number, outcome)
        failpoint.reach("after-outcome", self._effects)
        self._changed = True
        return outcome

    def _carry_out(self, step: Step, effect: Effect, mark: EffectIdentity, number: int) -> Outcome:
        hands = EffectContext(
            self.tools, self.reporter.note, self.stop, self._charge.hold, self.remark
        )
        try:
            self._charge.note(effect, describe(effect))
            outcome = carry_out(effect, mark, hands)
            if isinstance(effect, StartPlatform | Migrate):
                self._charge.take()
                self._charge.fence()
                self._charge.note(effect, describe(effect))
        except Interrupted:
            raise
        except RubyopsError as error:
            self._note_outcome(
                step, mark, number, Outcome(status_of(error), error.message, error.details)
            )
            raise
        except Exception as fault:
            unknown = OutcomeUnknown(
                f"{describe(effect)} ended in an unexpected {type(fault).__name__}: {fault}"
            )
            self._note_outcome(step, mark, number, Outcome("unknown", unknown.message))
            raise unknown from fault
        return outcome

    def _note_outcome(
        self, step: Step, mark: EffectIdentity, number: int, outcome: Outcome
    ) -> None:
        self.journal.write(
            lines.EffectEnded(
                step=step.id,
                number=number,
                effect_id=mark.effect_id,
                status=outcome.status,
                summary=outcome.summary,
                details=outcome.details,
            )
        )
        self.reporter.effect_finished(mark.effect_id, outcome)

    def _mark(self, step: Step, effect: Effect, number: int) -> EffectIdentity:
        effect_id = f"{self.run_id}/{step.id}/{number}"
        token = self._charge.token
        if token is None and not isinstance(effect, (StartPlatform, *BRAKE)):
            raise Unreachable(
                "control does not answer, so the lock of the environment cannot be taken",
                next_command=self._line("up"),
            )
        if isinstance(effect, RaiseFreeze) and self._guarding:
            return EffectIdentity(effect_id, self.run_id, token or 0, self.holder.who, self.owner)
        self._charge.hold()
        who, epoch = self.holder.who, self._charge.epoch
        return EffectIdentity(effect_id, self.run_id, token or 0, who, self.owner, epoch)

    def _join(self) -> None:
        """Take the lock where the run needs it; the brake only anchors its journal."""
        if self.plan.is_brake:
            if self.tools.control.reachable():
                self._charge.anchor()
            return
        if self.plan.changes or self.history is not None:
            self._charge.take()

    # --- money

    def _assert_money(self, step: Step, command: Command[object], when: str, last: int) -> None:
        if not command.guard_money or not self.tools.operate.has_money():
            return
        broken = first_broken(self.tools.check)
        if broken is None:
            return
        name, finding = broken
        if finding.status == "failed":
            self._freeze_for(step, finding, name, last)
        found = self.tools.freeze()
        raise Refused(
            f"money invariant {name} does not hold {when} step {step.id}: {finding.summary}. Money is {found.verdict.sentence}",
            next_command=self._line("reconcile ledger"),
            details={"invariant": name, **finding.details},
        )

    def _freeze_for(self, step: Step, finding: Finding, name: str, last: int) -> None:
        """Freeze ingress for a broken invariant; a freeze that is not confirmed is told with it."""
        self._guarding = True
        try:
            if strictness(self.tools.control.freeze().level) >= strictness(INGRESS):
                return
            effect = RaiseFreeze("ingress", f"{name}: {finding.summary}"[:300])
            self._effect(step, effect, last + 1, guard=True)
        except RubyopsError as fault:
            # Whatever keeps the freeze from being raised, the broken invariant is what is told.
            self.reporter.note(f"the freeze is not confirmed: {fault.message}")

    # --- end

    def _end(self, started: datetime, error: RubyopsError | None) -> RunReport:
        report = RunReport(
            run_id=self.run_id,
            playbook=self.plan.playbook.name,
            environment=self.tools.read.environment.name,
            started_at=started,
            finished_at=datetime.now(UTC),
            plan_digest=self.plan.digest,
            state=state_of(error),
            exit_code=error.exit_code if error else ExitCode.DONE,
            results=(*self._results, *not_reached(self.plan, self._results)),
            message=error.message if error else None,
            next_command=self._next(error),
            freeze=self.tools.freeze(),
            details=error.details if error else {},
        )
        return journal_end(report, error, self.plan, self.tools, self.journal)

    def _next(self, error: RubyopsError | None) -> str | None:
        if isinstance(error, Overruled) and TAKE_OVER in self.plan.playbook.parameters:
            words = f"run {self.plan.playbook.name} --set {TAKE_OVER}={self.run_id}"
            return f"{self._line('status')}   |   {self._line(words)}"
        if error is None or error.next_command or isinstance(error, LockLost):
            return error.next_command if error else None
        again = (
            f"run {self.plan.playbook.name}"
            if self.plan.playbook.kind == "verification"
            else f"runs resume {self.run_id}"
        )
        return self._line(again)

    def _line(self, words: str) -> str:
        return f"rubyops {words} -e {self.tools.read.environment.name}"


def _earlier(step: Step, record: StepRecord) -> StepResult:
    status: Status = "noop" if record.status == "noop" else "ok"
    return StepResult(
        step.id,
        step.title,
        status,
        record.summary,
        {**record.details, "done_before_resume": True},
        step.covers,
    )


def _words(plan: StepPlan) -> str:
    return "; ".join(describe(effect) for effect in plan.effects) or f"{plan.kind}: {plan.reason}"
