"""Bounds of calls that leave this process. They are measured here, so no server can prolong one."""

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

POLL_SECONDS = 0.1
# A quick call is never ended by the hook: the recap of a run that was stopped reads, too.
HEARD_SECONDS = 0.5
DOUBT_SECONDS = 2.0
Hook = Callable[[], None]
T = TypeVar("T")


class Watch:
    """The clock of one call. `late` makes the error of a call that took too long."""

    def __init__(
        self,
        seconds: float,
        late: Callable[[float], Exception],
        hook: Hook | None = None,
    ) -> None:
        """Start the clock. `hook` may end the call by raising, once the call has taken a while."""
        self.seconds = seconds
        self._late = late
        self._hook = hook
        self.gave_up = False
        self._heard_from = time.monotonic() + HEARD_SECONDS
        self._ends = time.monotonic() + seconds

    @property
    def left(self) -> float:
        """How many seconds of the bound are left."""
        return max(0.0, self._ends - time.monotonic())

    def look(self) -> None:
        """Raise when the hook does, or when the bound has passed: the call is given up then."""
        now = time.monotonic()
        try:
            if self._hook is not None and now >= self._heard_from:
                self._hook()
            if now >= self._ends:
                raise self._late(self.seconds)
        except BaseException:
            self.gave_up = True
            raise

    def part(self, seconds: float, late: Callable[[float], Exception]) -> "Watch":
        """Start the clock of a part of this call, which ends with the call at the latest."""
        return Watch(min(seconds, self.left), late, self._hook)


class Patience:
    """Chooses the bound of the next call of one client.

    A call that was late shortens the calls after it, until one of them succeeds.
    Otherwise ten questions to a hung server would take ten times the bound.
    """

    def __init__(self, doubt_seconds: float = DOUBT_SECONDS) -> None:
        """Trust the server until a call was late."""
        self._doubt_seconds = doubt_seconds
        self.doubts = False

    def seconds(self, wanted: float) -> float:
        """Return the bound of the next call."""
        return min(wanted, self._doubt_seconds) if self.doubts else wanted


def within(watch: Watch, act: Callable[[], T], left_behind: Callable[[T | None], None]) -> T:
    """Return what `act` returns, or raise what the watch raises.

    `act` runs in a thread, because it may block where nothing can wake it.
    An `act` that is too late goes on unseen; `left_behind` is then given its result, if any.
    """
    work = _Work(act, left_behind)
    work.start()
    try:
        while not work.done.wait(POLL_SECONDS if watch.left > POLL_SECONDS else watch.left):
            watch.look()
    except BaseException:
        work.leave()
        raise
    return work.result()


class _Work(threading.Thread, Generic[T]):
    def __init__(self, act: Callable[[], T], left_behind: Callable[[T | None], None]) -> None:
        super().__init__(name="bounded-call", daemon=True)
        self.done = threading.Event()
        self._act = act
        self._left_behind = left_behind
        self._handover = threading.Lock()
        self._left = False
        self._made: list[T] = []
        self._error: BaseException | None = None

    def run(self) -> None:
        try:
            self._made.append(self._act())
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that waits
            self._error = error
        with self._handover:
            self.done.set()
            left = self._left
        if left:
            self._clear()

    def leave(self) -> None:
        with self._handover:
            self._left = True
            ended = self.done.is_set()
        if ended:
            self._clear()

    def result(self) -> T:
        if self._error is not None:
            raise self._error
        return self._made[0]

    def _clear(self) -> None:
        self._left_behind(self._made[0] if self._made else None)
