"""A loop: a thread that calls a function again and again, and reports its health (RS-6)."""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import structlog

from wallet_runtime.plumbing.errors import Maintenance

FAILURES_MAX = 5
IDLE_AFTER_SECONDS = 1.0
BACK_OFF_SECONDS_MAX = 2.0

log = structlog.get_logger("loop")


@dataclass(frozen=True)
class LoopState:
    """The health of a loop. `age_seconds` is the time since its last successful turn.

    `ok` is false if that age exceeds `limit_seconds`, or after `FAILURES_MAX` failures in a row.
    """

    age_seconds: float
    limit_seconds: float
    failures: int
    ok: bool


class Loop:
    """Calls `turn() -> int` again and again in a thread of its own.

    A turn returns the number of items it processed, and raises an error on failure. After a turn
    with items the next one follows at once, otherwise after `interval_seconds`. A loop without
    items for `IDLE_AFTER_SECONDS` waits `idle_seconds` instead, if that is given.

    The loop is healthy while its last successful turn is at most `limit_seconds` ago and fewer than
    `FAILURES_MAX` turns failed in a row. So a hanging turn and a failing turn are both noticed.
    """

    def __init__(
        self,
        name: str,
        turn: Callable[[], int],
        interval_seconds: float,
        limit_seconds: float,
        *,
        idle_seconds: float | None = None,
        checks: Mapping[str, Callable[[], str]] | None = None,
    ) -> None:
        """Set up the loop; it runs after `start`.

        `checks` are further health checks of the loop's work by name, shown in `/health`.
        """
        self.name = name
        self.limit_seconds = limit_seconds
        self.checks = dict(checks or {})
        self._turn = turn
        self._interval_seconds = interval_seconds
        self._idle_seconds = interval_seconds if idle_seconds is None else idle_seconds
        self._failures = 0
        self._good_at = self._moved_at = time.monotonic()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"loop-{name}", daemon=True)

    def start(self) -> None:
        """Start the loop's thread."""
        self._good_at = self._moved_at = time.monotonic()
        self._thread.start()

    def ask_to_stop(self) -> None:
        """Make the current turn the last one; returns at once."""
        self._stopping.set()

    def join(self, timeout_seconds: float) -> bool:
        """Wait for the last turn; return False if it did not end in time."""
        if self._thread.ident is not None:
            self._thread.join(timeout_seconds)
        return not self._thread.is_alive()

    @property
    def stopping(self) -> bool:
        """True after `ask_to_stop`; a long turn checks this between its parts."""
        return self._stopping.is_set()

    def age_seconds(self) -> float:
        """Return the seconds since the last successful turn."""
        return time.monotonic() - self._good_at

    def failures(self) -> int:
        """Return the number of turns that failed in a row."""
        return self._failures

    def state(self) -> LoopState:
        """Return the loop's health now."""
        age, failures = self.age_seconds(), self._failures
        return LoopState(
            round(age, 3),
            self.limit_seconds,
            failures,
            age <= self.limit_seconds and failures < FAILURES_MAX,
        )

    def take_turn(self) -> int:
        """Run one turn and return its number of items; log and count a failure and return 0.

        `Maintenance` is no failure: the turn had to stop because money is sealed.
        """
        try:
            moved = self._turn()
        except Maintenance:
            moved = 0
        except Exception as error:
            self._note_failure(error)
            return 0
        self._failures = 0
        self._good_at = time.monotonic()
        if moved:
            self._moved_at = self._good_at
        return moved

    def _note_failure(self, error: Exception) -> None:
        self._failures += 1
        log.exception(
            "loop turn failed", loop=self.name, failures=self._failures, error=type(error).__name__
        )

    def _run(self) -> None:
        while not self._stopping.is_set():
            moved = self.take_turn()
            self._stopping.wait(0 if moved else self._pause_seconds())

    def _pause_seconds(self) -> float:
        """Return the seconds to wait before the next turn.

        After a failure the wait doubles with each further failure, up to two seconds, or up to a
        sixtieth of the interval if that is longer. So a loop with a long interval recovers soon
        after an outage, and an hourly one does not repeat a costly turn more than once a minute.
        """
        if self._failures == 0:
            return self._idle_seconds if self._is_idle() else self._interval_seconds
        back_off: float = self._interval_seconds * 2 ** min(self._failures, 10)
        return min(back_off, max(BACK_OFF_SECONDS_MAX, self._interval_seconds / 60))

    def _is_idle(self) -> bool:
        return self._good_at - self._moved_at >= IDLE_AFTER_SECONDS
