"""Keeps a run's lock alive and asks, before every effect, whether it is still ours."""

import contextlib
import threading
from types import TracebackType

from rubyops.errors import LockLost, RubyopsError
from rubyops.ports import Control, Holder

HEARTBEAT_SECONDS = 3.0
JOIN_SECONDS = 5.0


class Lease:
    """The lock of one run: taken, renewed by a thread, given back at the end."""

    def __init__(self, control: Control, run_id: str, holder: Holder) -> None:
        """Take the lock, or raise `LockHeld`."""
        self._control = control
        self._run_id = run_id
        self._ended = threading.Event()
        self._lost: LockLost | None = None
        self.token = control.acquire(run_id, holder)
        self._thread = threading.Thread(target=self._beat, name="lease", daemon=True)
        self._thread.start()

    def check(self) -> None:
        """Raise `LockLost` when another run has taken over; asked before every effect."""
        if self._lost is not None:
            raise self._lost
        self._control.renew(self._run_id, self.token)

    def _beat(self) -> None:
        while not self._ended.wait(HEARTBEAT_SECONDS):
            try:
                self._control.renew(self._run_id, self.token)
            except LockLost as error:
                self._lost = error
                return
            except RubyopsError:
                # The lease may still be valid, so a renewal that failed is no loss of it. The next
                # effect asks `control` again, and raises the error if the lease is lost.
                continue

    def __enter__(self) -> "Lease":
        """Hold the lock."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Give the lock back."""
        self.close()

    def close(self) -> None:
        """Stop the heartbeat and give the lock back; without a control database it expires."""
        self._ended.set()
        self._thread.join(timeout=JOIN_SECONDS)
        # How the run ended is told whether or not the lock could be given back.
        with contextlib.suppress(RubyopsError):
            self._control.release(self._run_id, self.token)
