"""The health of a process follows from its recent calls (SPEC 4).

All failed is red, some failed is degraded, and no calls is well.
"""

from wallet_runtime.plumbing.runtime.health import OK, Degraded
from wallet_runtime.plumbing.runtime.window import SlidingWindow


def test_the_verdict_follows_the_window() -> None:
    now = [0.0]
    tally = SlidingWindow("work", 10.0, failures_min=2, clock=lambda: now[0])
    assert tally.verdict() == OK
    tally.add(False)
    assert tally.verdict() == OK, "one failure is below the bound"
    tally.add(False)
    assert tally.verdict() == "2 of 2 tries of work failed in 10 s"
    assert not isinstance(tally.verdict(), Degraded)
    now[0] = 5.0
    tally.add(True)
    assert isinstance(tally.verdict(), Degraded)
    now[0] = 11.0
    assert tally.verdict() == OK
