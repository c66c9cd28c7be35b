"""A worker's loop: a thread that takes turns, and the truth about how well it goes (RS-6)."""

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
    """How a loop is doing: age of its last good turn, its limit, failures in a row, verdict."""

    age_seconds: float
    limit_seconds: float
    failures: int
    ok: bool


class Loop:
    """Runs `turn() -> int` again and again: at once while it finds work, else at an interval.

    A loop that looks often may look less often, every `idle_seconds`, once it has found nothing for
    `IDLE_AFTER_SECONDS`.

    A turn returns how many things it moved (0 when there was nothing to do) and raises when it
    failed. The loop is well while its last good turn is at most `limit_seconds` old and fewer than
    `FAILURES_MAX` turns failed in a row. A turn that hangs makes it old. A turn that fails again
    and again spends the budget, though the process lives.
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
        """Name the loop; it does nothing before `start`.

        `checks` judge what the loop got done lately, and are told in `/health` beside its state.
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
        """Begin taking turns in a thread of its own."""
        self._good_at = self._moved_at = time.monotonic()
        self._thread.start()

    def ask_to_stop(self) -> None:
        """Let the present turn be the last one; returns at once."""
        self._stopping.set()

    def join(self, timeout_seconds: float) -> bool:
        """Wait for the last turn; False when it did not end in time."""
        if self._thread.ident is not None:
            self._thread.join(timeout_seconds)
        return not self._thread.is_alive()

    @property
    def stopping(self) -> bool:
        """True once the loop was asked to stop; a long turn looks here between its parts."""
        return self._stopping.is_set()

    def age_seconds(self) -> float:
        """Return the time since the last turn that ended well."""
        return time.monotonic() - self._good_at

    def failures(self) -> int:
        """Return how many turns failed in a row."""
        return self._failures

    def state(self) -> LoopState:
        """Return how the loop is doing now."""
        age, failures = self.age_seconds(), self._failures
        return LoopState(
            round(age, 3),
            self.limit_seconds,
            failures,
            age <= self.limit_seconds and failures < FAILURES_MAX,
        )

    def take_turn(self) -> int:
        """Take one turn; a failure is logged, counted and answered with 0.

        A turn that a seal stops is no failure.
        """
        try:
            moved = self._turn()
        except Maintenance:
            moved = 0
        except Exception as error:
            self._failures += 1
            log.exception(
                "loop turn failed",
                loop=self.name,
                failures=self._failures,
                error=type(error).__name__,
            )
            return 0
        self._failures = 0
        self._good_at = time.monotonic()
        if moved:
            self._moved_at = self._good_at
        return moved

    def _run(self) -> None:
        while not self._stopping.is_set():
            moved = self.take_turn()
            self._stopping.wait(0 if moved else self._pause_seconds())

    def _pause_seconds(self) -> float:
        """Return the interval, or a shorter wait after a failure.

        A database that is back must not wait for a long interval. Each failure doubles the wait, up
        to a bound; that of an hourly turn is a minute, because it may be a heavy one.
        """
        if self._failures == 0:
            idle = self._good_at - self._moved_at >= IDLE_AFTER_SECONDS
            return self._idle_seconds if idle else self._interval_seconds
        back_off: float = self._interval_seconds * 2 ** min(self._failures, 10)
        return min(back_off, max(BACK_OFF_SECONDS_MAX, self._interval_seconds / 60))
