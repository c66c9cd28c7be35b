"""Kills or pauses this very process at a named point, so that tests can prove what holds there. Off unless the variable is set.

`RUBYOPS_FAILPOINT=<before-intent|after-intent|after-effect|after-outcome>:<n>`: die at that point of the n-th effect of the process.
`RUBYOPS_FAILPOINT=pause-before:<step id>`: stand still before that step until SIGCONT comes, while the platform goes on.
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
