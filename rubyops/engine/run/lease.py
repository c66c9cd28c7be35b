"""Keeps the lock of a run: a thread renews it, and each effect first checks that it is not lost."""

import contextlib
import threading
from types import TracebackType

from rubyops.errors import LockLost, RubyopsError
from rubyops.ports import Control, Holder

HEARTBEAT_SECONDS = 3.0
JOIN_SECONDS = 5.0


class Lease:
    """The lock of one run: taken at the start, renewed by a thread, released at the end."""

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
        """Raise `LockLost` if another run has taken the lock; called before every effect."""
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
                # The lease may still be valid although this renewal failed. The next effect renews
                # it again, and raises an error if the lease is lost.
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
        """Release the lock."""
        self.close()

    def close(self) -> None:
        """Stop the thread and release the lock; if `control` is unreachable, the lock expires."""
        self._ended.set()
        self._thread.join(timeout=JOIN_SECONDS)
        # An error here must not replace the result of the run.
        with contextlib.suppress(RubyopsError):
            self._control.release(self._run_id, self.token)
