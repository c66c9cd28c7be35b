"""Holds the lock of a run, and stops the run once another one has taken the lock or the freeze.

The lock and the freeze epoch are checked before every effect and between the polls of a wait. A
brake run needs no lock. It raises the freeze while another run holds the lock, and that other run
then stops at its next check.
"""

import time
from collections.abc import Callable

from rubyops.effects.base import AnyEffect
from rubyops.engine.engine_ports import EnginePorts
from rubyops.engine.journal import lines
from rubyops.engine.journal.history import History
from rubyops.engine.journal.writer import Journal
from rubyops.engine.run.lease import Lease
from rubyops.errors import Overruled, Refused, RubyopsError, TimedOut
from rubyops.model.freeze import NO_FREEZE, FreezeState, is_stricter
from rubyops.ports import Holder
from rubyops.stop_signal import StopSignal

# The longest wait while a statement of an earlier run holds the fence.
FENCE_SECONDS = 60.0
FENCE_PAUSE_SECONDS = 0.25
NOTE_LENGTH_MAX = 300


class Charge:
    """The lock of one run, and the freeze epoch under which the run works."""

    def __init__(
        self,
        run_id: str,
        holder: Holder,
        ports: EnginePorts,
        journal: Journal,
        say: Callable[[str], None],
        stop: StopSignal,
    ) -> None:
        """Keep the collaborators; `take` takes the lock."""
        self._say = say
        self._stop = stop
        self._run_id = run_id
        self._holder = holder
        self._ports = ports
        self._journal = journal
        self._lease: Lease | None = None
        self._epoch: int | None = None
        self._anchored = False

    @property
    def token(self) -> int | None:
        """The fencing token; None before the lock is taken."""
        return self._lease.token if self._lease is not None else None

    @property
    def epoch(self) -> int | None:
        """The freeze epoch that this run works under; None before the lock is taken."""
        return self._epoch

    def take(self) -> bool:
        """Take the lock and anchor the journal; return False if `control` does not answer.

        Raises `LockHeld`.
        """
        if self._lease is not None:
            return True
        if not self._ports.control.reachable():
            return False
        self._lease = Lease(self._ports.control, self._run_id, self._holder)
        self.anchor()
        self._journal_lock(self._lease.token)
        self.fence()
        return True

    def _journal_lock(self, token: int) -> None:
        state = self._ports.control.freeze()
        self._epoch = state.epoch
        taken = lines.LockTaken(token=token, freeze_epoch=state.epoch, freeze_level=state.level)
        self._journal.write(taken)

    def anchor(self) -> None:
        """Store the journal's newest line in `control` now, and after each new line."""
        if not self._anchored:
            self._anchored = True
            self._journal.anchor_to(self._keep, self._ports.control.head(self._run_id))

    def fence(self) -> None:
        """Make the database and the supervisor refuse every lower token (ADR 15)."""
        if self._lease is not None:
            raise_fence(self._ports, self._lease.token, self._say, self._stop)

    def hold(self) -> None:
        """Raise `LockLost` if another run took the lock, `Overruled` if it changed the freeze."""
        if self._lease is None:
            return
        self._lease.check()
        state = self._ports.control.freeze()
        if self._epoch is not None and state.epoch != self._epoch:
            raise _overruled(state)

    def knows(self, epoch: int) -> None:
        """Remember the freeze epoch that an effect of this run has set."""
        self._epoch = epoch

    def note(self, effect: AnyEffect) -> None:
        """Count an effect that changes the platform, so that older verifications expire (K18)."""
        if effect.traits.changes_platform and self._lease is not None:
            words = effect.describe()[:NOTE_LENGTH_MAX]
            self._ports.control.note_change(words, self._holder.who)

    def renew(self, effect: AnyEffect) -> None:
        """Take the lock, raise the fence and count the effect on servers that may be new."""
        self.take()
        self.fence()
        self.note(effect)

    def close(self) -> None:
        """Give the lock back."""
        if self._lease is not None:
            self._lease.close()

    def _keep(self, sequence: int, digest: str) -> None:
        try:
            self._ports.control.anchor(self._run_id, sequence, digest)
        except RubyopsError:
            # The journal's file is already written. Its anchor may lag while `control` is
            # unreachable.
            return


def _overruled(state: FreezeState) -> Overruled:
    return Overruled(
        f"{state.changed_by} changed the freeze to {state.level} in run {state.run_id} "
        f"({state.reason or 'no reason given'}) while this run was under way; "
        "it changes nothing any more",
        next_command="rubyops status",
        details={"run": state.run_id, "level": state.level, "epoch": state.epoch},
    )


def raise_fence(
    ports: EnginePorts, token: int, say: Callable[[str], None], stop: StopSignal
) -> None:
    """Raise the fence to this token, and report which sessions hold it during the wait.

    Raises `TimedOut` if a session still holds it after `FENCE_SECONDS`, and `Interrupted`.
    """
    began, told = time.monotonic(), ""
    while True:
        try:
            return ports.fence.advance(token)
        except TimedOut as late:
            holders = ports.fence.holders()
            if time.monotonic() - began >= FENCE_SECONDS:
                raise _still_held(holders) from late
        if holders != told:
            say(f"the fence is held by {holders}")
            told = holders
        stop.wait(FENCE_PAUSE_SECONDS)
        stop.raise_if_set()


def _still_held(holders: str) -> TimedOut:
    return TimedOut(
        f"the fence is still held after {FENCE_SECONDS:g} s, by: {holders}. "
        "This run is not in charge, and changed nothing",
        next_command="rubyops status",
    )


def refuse_other_freeze(
    run_id: str, history: History, ports: EnginePorts, next_command: str
) -> None:
    """Refuse to resume a run if somebody else has changed the freeze since (K18).

    The run's own last change comes from `control`, because the journal may lack its outcome. A run
    that never changed the freeze is refused only if the freeze is stricter than at its start.
    """
    state, own = ports.control.freeze(), ports.control.last_freeze_of(run_id)
    began_under = history.level_at_start or NO_FREEZE
    if own is None and is_stricter(state.level, began_under):
        raise _changed_since(state, f"began under {began_under}", next_command)
    if own is not None and state.epoch != own[0]:
        raise _changed_since(state, f"left it at {own[1]}, epoch {own[0]}", next_command)


def _changed_since(state: FreezeState, left: str, next_command: str) -> Refused:
    return Refused(
        f"the freeze was changed since by {state.changed_by} in run {state.run_id} "
        f"(now {state.level}, epoch {state.epoch}); this run {left}: it is not resumed",
        next_command=next_command,
        details={"level": state.level, "epoch": state.epoch, "run": state.run_id},
    )
