"""Kills or pauses this very process at a named point, for tests. Off unless the variable is set.

`RUBYOPS_FAILPOINT=<point>:<n>` kills it at that point of its n-th effect; the points are
before-intent, after-intent, after-effect and after-outcome.
`RUBYOPS_FAILPOINT=pause-before:<step id>` stops it before that step until SIGCONT comes, while the
platform goes on.
"""

import os
import signal
import time
from typing import Literal

VARIABLE = "RUBYOPS_FAILPOINT"
HEARD_SECONDS = 0.05
Point = Literal["before-intent", "after-intent", "after-effect", "after-outcome"]


def reach(point: Point, effect_number: int) -> None:
    """Die here by SIGKILL if this is the point and the effect that the variable names."""
    if os.environ.get(VARIABLE) == f"{point}:{effect_number}":
        os.kill(os.getpid(), signal.SIGKILL)


def pause_before(step_id: str) -> None:
    """Stop here by SIGSTOP if this is the step that the variable names."""
    if os.environ.get(VARIABLE) == f"pause-before:{step_id}":
        os.kill(os.getpid(), signal.SIGSTOP)
        # Another thread may have to take a signal that came meanwhile.
        time.sleep(HEARD_SECONDS)
