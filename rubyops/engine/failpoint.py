"""Kills this very process at a named point, so that tests can prove what a resume does. Off unless the variable is set.

`RUBYOPS_FAILPOINT=<before-intent|after-intent|after-effect|after-outcome>:<n>`: at that point of the n-th effect of the process.
"""

import os
import signal
from typing import Literal

VARIABLE = "RUBYOPS_FAILPOINT"
Point = Literal["before-intent", "after-intent", "after-effect", "after-outcome"]


def reach(point: Point, effect_number: int) -> None:
    """Die here by SIGKILL if this is the point and the effect that the variable names."""
    if os.environ.get(VARIABLE) == f"{point}:{effect_number}":
        os.kill(os.getpid(), signal.SIGKILL)
