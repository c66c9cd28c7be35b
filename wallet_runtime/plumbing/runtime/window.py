"""Outcomes of the last seconds, for a part whose health is what it got done lately (SPEC 4)."""

import time
from collections import deque
from collections.abc import Callable

from wallet_runtime.plumbing.runtime.health import OK, Degraded


class Tally:
    """Counts successes and failures in a sliding window; written by one thread, read by any."""

    def __init__(
        self,
        what: str,
        window_seconds: float,
        *,
        failures_min: int = 1,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Say `what` is tried, over which window, and from how many failures on they matter."""
        self._what = what
        self._window_seconds = window_seconds
        self._failures_min = failures_min
        self._clock = clock
        self._outcomes: deque[tuple[float, bool]] = deque(maxlen=10_000)

    def add(self, succeeded: bool) -> None:
        """Remember one outcome, forgetting those older than the window."""
        now = self._clock()
        self._outcomes.append((now, succeeded))
        while self._outcomes[0][0] < now - self._window_seconds:
            self._outcomes.popleft()

    def verdict(self) -> str:
        """Say "ok"; `Degraded` when some tries failed and some did not; a plain reason, which is red, when all failed."""
        horizon = self._clock() - self._window_seconds
        recent = [succeeded for at, succeeded in tuple(self._outcomes) if at >= horizon]
        failures = recent.count(False)
        if failures < self._failures_min:
            return OK
        reason = f"{failures} of {len(recent)} tries of {self._what} failed in {self._window_seconds:.0f} s"
        return Degraded(reason) if any(recent) else reason
