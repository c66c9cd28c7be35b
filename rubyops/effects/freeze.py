"""Raise, take over and lift the freeze, and wait until the level is in force (K2, K4)."""

from dataclasses import asdict, dataclass, field
from itertools import count
from typing import Any, Literal, Protocol

from rubyops.effects.base import Effect, EffectContext, Outcome, Traits
from rubyops.effects.in_force import await_in_force, held_up
from rubyops.errors import LockLost, Overruled, Refused, RubyopsError, TimedOut
from rubyops.model.freeze import FreezeChange, FreezeTruth
from rubyops.model.platform_state import differences
from rubyops.ports import EffectIdentity, Row
from wallet_runtime.contract.freeze import OPEN, patience_ms

FreezeLevel = Literal["ingress", "sealed"]


class FreezePort(Protocol):
    """Changes the freeze in `control` and in the fence row, and reports the freeze in force.

    The fence row is the row of `wallet.wallet_gate` that every money command reads. `control`
    stores each change under the effect's id, so a repeated effect changes nothing.
    """

    def raise_wanted(self, identity: EffectIdentity, level: str, reason: str) -> FreezeChange:
        """Add or raise the freeze layer of the run. Needs no lock.

        Raises `Overruled` if the freeze is not at the epoch that the identity knows.
        """

    def take_over(self, identity: EffectIdentity, from_run: str) -> FreezeChange:
        """Take over a run's freeze. Raises `LockLost`, `Overruled`, `Refused`."""

    def lift_wanted(
        self, identity: EffectIdentity, reason: str, take_over: str, change_no: int | None
    ) -> FreezeChange:
        """Lift the layers of the run or owner, and the layers that were taken over.

        `change_no` is the number of the newest change at the verification; None if nothing was
        frozen. Raises `LockLost`, `Refused`, and `Overruled` if the freeze or the platform has
        changed since.
        """

    def raise_fence_row(self, level: str, epoch: int, patience_ms: int) -> None:
        """Copy a raised freeze into the fence row, and wait for older commands to end.

        Raises `TimedOut`.
        """

    def lower_fence_row(
        self, identity: EffectIdentity, level: str, epoch: int, change_no: int | None
    ) -> None:
        """Copy a lowered freeze into the fence row; `change_no` is the verified change.

        Raises `LockLost`, `Overruled`, and `TimedOut` while another session has locked the row.
        """

    def end_session(self, pid: int, started_at: str) -> bool:
        """End a session of the operated database; return False if it had ended already."""

    def truth(self) -> FreezeTruth:
        """Return the freeze in force and the obstacles that delay it. Never raises."""

    def whose(self, found: FreezeTruth) -> list[str]:
        """Return a text for each layer of the freeze."""

    def state(self) -> Row:
        """Read the state of the platform, as a verification stores it. Raises `Unreachable`."""

    def fence_holders(self) -> str:
        """Return a text that names the sessions which hold the fence."""


@dataclass(frozen=True)
class RaiseFreeze(Effect[FreezePort]):
    """Raise the freeze to at least `level` by a layer of this run, and wait until it is in force.

    The effect needs no lock, and never lowers the freeze.
    """

    level: FreezeLevel
    reason: str

    traits = Traits(mild=True, brake=True)

    def describe(self) -> str:
        """Name the level and the reason."""
        return f"raise the freeze to {self.level}" + (f" ({self.reason})" if self.reason else "")

    def carry_out(self, port: FreezePort, context: EffectContext) -> Outcome:
        """Raise the level in `control`, then write it into the fence row until it is in force."""
        change = port.raise_wanted(context.identity, self.level, self.reason)
        _refuse_another(change)
        found = _push(change, port, context)
        words = f"{_said(found, change)}, {_copies(found)}"
        if not change.applied:
            return Outcome("noop", f"already so: {words}", _details(change, found))
        return Outcome("ok", words, _details(change, found))


@dataclass(frozen=True)
class TakeOverFreeze(Effect[FreezePort]):
    """Take over the freeze of a run that has ended or died, so that this run may lift it."""

    from_run: str

    traits = Traits()

    def describe(self) -> str:
        """Name the run."""
        return f"take over the freeze of run {self.from_run}"

    def carry_out(self, port: FreezePort, context: EffectContext) -> Outcome:
        """Take over the freeze; its level stays in force under a new epoch."""
        change = port.take_over(context.identity, self.from_run)
        _refuse_another(change)
        context.tell_taken_over(self.from_run)
        found = _push(change, port, context) if change.level != OPEN else port.truth()
        words = f"the freeze of run {self.from_run} is this run's now"
        return Outcome("ok", words, _details(change, found))


@dataclass(frozen=True)
class LiftFreeze(Effect[FreezePort]):
    """Lift the freeze that this run or person set or took over; layers of others stay in force.

    `take_over` names an ended run whose freeze is lifted, too. `proof` is the platform state at the
    verification; if the platform has changed since, the effect fails. It is empty if nothing was
    frozen.
    """

    reason: str
    take_over: str = ""
    proof: dict[str, Any] = field(default_factory=dict)

    traits = Traits()

    def change_no(self, where: Literal["control", "platform"]) -> int | None:
        """Return the number of the newest verified change in the database `where`."""
        return int(self.proof["change"][where]) if self.proof else None

    def describe(self) -> str:
        """Name the reason, and the run whose freeze is lifted, too."""
        also = f", and that of run {self.take_over}" if self.take_over else ""
        return f"lift the own freeze{also}" + (f" ({self.reason})" if self.reason else "")

    def carry_out(self, port: FreezePort, context: EffectContext) -> Outcome:
        """Lift the own layers; name the layers of others, which stay in force.

        The proof is compared again here, because a resumed run may carry an old proof.
        """
        self._refuse_unproven(port)
        change = self._lift_wanted(port, context)
        _refuse_another(change)
        if self.take_over and change.applied:
            context.tell_taken_over(self.take_over)
        self._lower(change, port, context)
        found = await_in_force(port.truth, lambda: None, context)
        return Outcome("ok", _lifted(found, change, port), _details(change, found))

    def _refuse_unproven(self, port: FreezePort) -> None:
        if not self.proof:
            return
        now = port.state()
        changed = differences(self.proof, now)
        # If an earlier try of this lift succeeded, the level is open, and that alone is a change.
        if changed and now["freeze"]["level"] != OPEN:
            raise _unproven(changed, port)

    def _lift_wanted(self, port: FreezePort, context: EffectContext) -> FreezeChange:
        verified = self.change_no("control")
        try:
            return port.lift_wanted(context.identity, self.reason, self.take_over, verified)
        except (LockLost, Overruled):
            raise
        except Refused as refusal:
            raise _of_others(refusal, port, context.read.environment.name) from refusal

    def _lower(self, change: FreezeChange, port: FreezePort, context: EffectContext) -> None:
        verified = self.change_no("platform")
        try:
            port.lower_fence_row(context.identity, change.level, change.epoch, verified)
        except TimedOut as late:
            raise TimedOut(
                f"{late.message}. Money is {port.truth().verdict.sentence}, held up by: "
                f"{port.fence_holders()}. A resume goes on if the platform is still as it was "
                "verified",
                details=late.details,
            ) from late


@dataclass(frozen=True)
class EndSession(Effect[FreezePort]):
    """End one session of the operated database that blocks a freeze.

    The process id and the start time identify the session.
    """

    pid: int
    started_at: str

    traits = Traits(brake=True)

    def describe(self) -> str:
        """Name the session."""
        return f"end database session {self.pid}, which began at {self.started_at}"

    def carry_out(self, port: FreezePort, context: EffectContext) -> Outcome:
        """End the session, unless it has ended already."""
        if port.end_session(self.pid, self.started_at):
            return Outcome("ok", f"session {self.pid} ended")
        return Outcome("noop", f"session {self.pid} was gone")


def _push(change: FreezeChange, port: FreezePort, context: EffectContext) -> FreezeTruth:
    tries = count()

    def push() -> None:
        try:
            port.raise_fence_row(change.level, change.epoch, patience_ms(next(tries)))
        except Refused:
            raise
        except RubyopsError:
            # The row is locked, or the database is unreachable. `await_in_force` calls this again
            # and reports the obstacle.
            return

    return await_in_force(port.truth, push, context)


def _unproven(changed: list[str], port: FreezePort) -> Overruled:
    return Overruled(
        f"the platform changed since it was verified: {'; '.join(changed)}. "
        f"Money stays {port.truth().verdict.sentence}",
        next_command="rubyops verify",
        details={"changed": changed},
    )


def _of_others(refusal: Refused, port: FreezePort, environment: str) -> Refused:
    found = port.truth()
    runs = [layer.taken_over_by or layer.run_id for layer in found.layers]
    line = f"rubyops thaw --take-over {runs[0] if runs else 'RUN'}"
    return Refused(
        f"{refusal.message}; money stays {found.verdict.sentence}: "
        f"{'; '.join(port.whose(found))}. A freeze of a run that has ended is lifted by "
        f"name: {line} -e {environment}",
        next_command=line,
        details={"runs": runs},
    )


def _refuse_another(change: FreezeChange) -> None:
    """Refuse a repeated effect if the freeze was changed after its first try (K18)."""
    if not change.applied and change.epoch != change.present:
        raise Refused(
            f"this effect changed the freeze at epoch {change.epoch}, and somebody changed it "
            f"since (now {change.level} at epoch {change.present}): this run goes no further",
            next_command="rubyops status",
            details=asdict(change),
        )


def _lifted(found: FreezeTruth, change: FreezeChange, port: FreezePort) -> str:
    words = f"{_said(found, change)}, {_copies(found)}"
    if not found.layers:
        return words
    return f"the own freeze is lifted, and {words}: {'; '.join(port.whose(found))}"


def _said(found: FreezeTruth, change: FreezeChange) -> str:
    return f"money is {found.verdict.sentence} at epoch {change.epoch}"


def _copies(found: FreezeTruth) -> str:
    return f"{found.verdict.confirmed} of {found.verdict.counted} copies confirmed"


def _details(change: FreezeChange, found: FreezeTruth) -> dict[str, object]:
    details: dict[str, object] = {"level": change.level, "epoch": change.epoch}
    return details | ({} if found.verdict.in_force else held_up(found))
