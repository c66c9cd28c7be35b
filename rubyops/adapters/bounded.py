"""Time limits for calls to other processes, measured by the clock of this process.

A server that hangs therefore cannot prolong a call.
"""

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

POLL_SECONDS = 0.1
# The hook is not called in the first half second of a call. After a stop request the recap still
# needs a few quick reads, and the hook would end them.
HEARD_SECONDS = 0.5
DOUBT_SECONDS = 2.0
Hook = Callable[[], None]
T = TypeVar("T")


class Watch:
    """The timer of one call. `late` makes the error that is raised after the time limit."""

    def __init__(
        self,
        seconds: float,
        late: Callable[[float], Exception],
        hook: Hook | None = None,
    ) -> None:
        """Start the timer. Once the call is HEARD_SECONDS old, `hook` may raise to end the call."""
        self.seconds = seconds
        self._late = late
        self._hook = hook
        self.gave_up = False
        self._heard_from = time.monotonic() + HEARD_SECONDS
        self._ends = time.monotonic() + seconds

    @property
    def left(self) -> float:
        """The seconds until the time limit, 0 after it."""
        return max(0.0, self._ends - time.monotonic())

    def look(self) -> None:
        """Call the hook, which may raise. Raises the error of `late` after the time limit."""
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
        """Start the timer of a part of this call, which ends no later than the whole call."""
        return Watch(min(seconds, self.left), late, self._hook)


class Patience:
    """Chooses the time limit of the next call of one client.

    After a call that was late, later calls get a shorter limit until one of them succeeds.
    Otherwise ten calls to a hung server would take ten times the limit.
    """

    def __init__(self, doubt_seconds: float = DOUBT_SECONDS) -> None:
        """Begin with the full limit. Callers set `doubts` when a call was late."""
        self._doubt_seconds = doubt_seconds
        self.doubts = False

    def seconds(self, wanted: float) -> float:
        """Return the time limit of the next call, at most `wanted`."""
        return min(wanted, self._doubt_seconds) if self.doubts else wanted


def within(watch: Watch, act: Callable[[], T], left_behind: Callable[[T | None], None]) -> T:
    """Run `act` and return its result. Raises the error of `act`, or the error of the watch.

    `act` runs in a thread, because it may block in a call that nothing can interrupt. When the
    watch raises, the thread runs on alone. It passes its result to `left_behind`, or None if `act`
    failed.
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
