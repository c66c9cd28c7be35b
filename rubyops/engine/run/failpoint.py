"""Kills or pauses this process at a named point, for tests. Off unless the variable is set.

`RUBYOPS_FAILPOINT=<point>:<n>` kills the process at that point of its n-th effect; the points are
before-intent, after-intent, after-effect and after-outcome.
`RUBYOPS_FAILPOINT=pause-before:<step id>` stops the process before that step until it gets SIGCONT.
"""

import os
import signal
import time
from typing import Literal

VARIABLE = "RUBYOPS_FAILPOINT"
HEARD_SECONDS = 0.05
Point = Literal["before-intent", "after-intent", "after-effect", "after-outcome"]


def reach(point: Point, effect_number: int) -> None:
    """Kill this process if the variable names this point and effect."""
    if os.environ.get(VARIABLE) == f"{point}:{effect_number}":
        os.kill(os.getpid(), signal.SIGKILL)


def pause_before(step_id: str) -> None:
    """Stop this process until SIGCONT if the variable names this step."""
    if os.environ.get(VARIABLE) == f"pause-before:{step_id}":
        os.kill(os.getpid(), signal.SIGSTOP)
        # Time for another thread to handle a signal that arrived during the pause.
        time.sleep(HEARD_SECONDS)
