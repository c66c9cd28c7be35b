"""Carries out effects, with an intent in the journal before each and an outcome after it."""

from collections.abc import Callable
from dataclasses import dataclass, field

from rubyops.effects.base import AnyEffect, EffectContext, Outcome
from rubyops.engine.effect_data import to_data
from rubyops.engine.engine_ports import EnginePorts
from rubyops.engine.journal import lines
from rubyops.engine.journal.writer import Journal
from rubyops.engine.report import Reporter, status_of
from rubyops.engine.run import failpoint
from rubyops.engine.run.charge import Charge
from rubyops.errors import Interrupted, OutcomeUnknown, RubyopsError, Unreachable
from rubyops.ports import EffectIdentity, Holder
from rubyops.stop_signal import StopSignal


@dataclass(frozen=True)
class RunIdentity:
    """The id of a run, its process, and the owner under which it raises freezes."""

    run_id: str
    holder: Holder
    owner: str = ""


@dataclass(frozen=True)
class NumberedEffect:
    """An effect of a step, and its number within the step."""

    step_id: str
    number: int
    effect: AnyEffect


@dataclass
class Performer:
    """Carries out the effects of one run.

    `tell_taken_over` writes into another run's journal that this run took over its freeze.
    """

    run: RunIdentity
    ports: EnginePorts
    journal: Journal
    reporter: Reporter
    stop: StopSignal
    charge: Charge
    up_line: str
    tell_taken_over: Callable[[str], None]
    _count: int = field(default=0, init=False)

    def resolve(self, doubted: NumberedEffect) -> Outcome | None:
        """Return an outcome if the effect in doubt was applied; None if it must be carried out."""
        identity = self._identity(doubted)
        if doubted.effect.in_doubt(self.ports.read) != "applied":
            return None
        self._count += 1
        outcome = Outcome("ok", f"found done: {doubted.effect.describe()}")
        self._end(doubted, identity, outcome)
        return outcome

    def perform(self, wanted: NumberedEffect, *, guard: bool = False) -> Outcome:
        """Carry out an effect.

        With `guard` the effect is the freeze for a broken invariant. It is carried out without a
        check of lock and freeze epoch, because it must work even after another run took over.
        """
        self._count += 1
        identity = self._identity(wanted, guard=guard)
        self._intend(wanted, identity, guard=guard)
        outcome = self._carry_out(wanted, identity)
        if isinstance(epoch := outcome.details.get("epoch"), int):
            self.charge.knows(epoch)
        failpoint.reach("after-effect", self._count)
        self._end(wanted, identity, outcome)
        failpoint.reach("after-outcome", self._count)
        return outcome

    def _identity(self, wanted: NumberedEffect, *, guard: bool = False) -> EffectIdentity:
        """Check lock and freeze, and return the identity under which the effect acts."""
        if self.charge.token is None and wanted.effect.traits.needs_lock:
            raise self._without_lock()
        if not guard:
            self.charge.hold()
        return EffectIdentity(
            f"{self.run.run_id}/{wanted.step_id}/{wanted.number}",
            self.run.run_id,
            self.charge.token or 0,
            self.run.holder.who,
            self.run.owner,
            None if guard else self.charge.epoch,
        )

    def _without_lock(self) -> Unreachable:
        return Unreachable(
            "control does not answer, so the lock of the environment cannot be taken",
            next_command=self.up_line,
        )

    def _intend(self, wanted: NumberedEffect, identity: EffectIdentity, *, guard: bool) -> None:
        words = wanted.effect.describe()
        failpoint.reach("before-intent", self._count)
        intended = lines.EffectIntended(
            step=wanted.step_id,
            number=wanted.number,
            effect_id=identity.effect_id,
            effect=to_data(wanted.effect),
            words=words,
            token=identity.token,
            guard=guard,
        )
        self.journal.write(intended)
        failpoint.reach("after-intent", self._count)
        self.reporter.effect_started(identity.effect_id, words)

    def _carry_out(self, wanted: NumberedEffect, identity: EffectIdentity) -> Outcome:
        try:
            return self._act(wanted.effect, identity)
        except Interrupted:
            raise
        except RubyopsError as error:
            failed = Outcome(status_of(error), error.message, error.details)
            self._end(wanted, identity, failed)
            raise
        except Exception as fault:
            unknown = _unknown(wanted.effect, fault)
            self._end(wanted, identity, Outcome("unknown", unknown.message))
            raise unknown from fault

    def _act(self, effect: AnyEffect, identity: EffectIdentity) -> Outcome:
        self.charge.note(effect)
        outcome = self.ports.carry_out(effect, self._context(identity))
        if effect.traits.renews_lock:
            self.charge.renew(effect)
        return outcome

    def _context(self, identity: EffectIdentity) -> EffectContext:
        return EffectContext(
            identity,
            self.ports.read,
            self.ports.check,
            self.stop,
            self.reporter.note,
            self.charge.hold,
            self.tell_taken_over,
        )

    def _end(self, ended: NumberedEffect, identity: EffectIdentity, outcome: Outcome) -> None:
        line = lines.EffectEnded(
            step=ended.step_id,
            number=ended.number,
            effect_id=identity.effect_id,
            status=outcome.status,
            summary=outcome.summary,
            details=outcome.details,
        )
        self.journal.write(line)
        self.reporter.effect_finished(identity.effect_id, outcome)


def _unknown(effect: AnyEffect, fault: Exception) -> OutcomeUnknown:
    return OutcomeUnknown(
        f"{effect.describe()} ended in an unexpected {type(fault).__name__}: {fault}"
    )
