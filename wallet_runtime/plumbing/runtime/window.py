"""A sliding window of successes and failures, as a health check of recent work (SPEC 4)."""

import time
from collections import deque
from collections.abc import Callable

from wallet_runtime.plumbing.runtime.health import OK, Degraded

OUTCOMES_MAX = 10_000


class SlidingWindow:
    """Counts recent successes and failures; one thread may write, any thread may read."""

    def __init__(
        self,
        what: str,
        seconds: float,
        *,
        failures_min: int = 1,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Watch `what` over `seconds`; fewer failures than `failures_min` are ignored."""
        self._what = what
        self._seconds = seconds
        self._failures_min = failures_min
        self._clock = clock
        self._outcomes: deque[tuple[float, bool]] = deque(maxlen=OUTCOMES_MAX)

    def add(self, succeeded: bool) -> None:
        """Add one outcome, and drop the outcomes that are older than the window."""
        now = self._clock()
        self._outcomes.append((now, succeeded))
        while self._outcomes[0][0] < now - self._seconds:
            self._outcomes.popleft()

    def verdict(self) -> str:
        """Return "ok", a `Degraded` reason if some tries failed, or a plain reason if all did."""
        recent = self._recent()
        failures = recent.count(False)
        if failures < self._failures_min:
            return OK
        reason = (
            f"{failures} of {len(recent)} tries of {self._what} failed in {self._seconds:.0f} s"
        )
        return Degraded(reason) if any(recent) else reason

    def _recent(self) -> list[bool]:
        horizon = self._clock() - self._seconds
        return [succeeded for at, succeeded in tuple(self._outcomes) if at >= horizon]
