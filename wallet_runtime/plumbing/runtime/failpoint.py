"""Named points where a test may kill the process: `RUBY_FAILPOINT=<name>` in its environment."""

import os
import signal

from wallet_runtime.contract.variables import FAILPOINT_VARIABLE

_ARMED = os.environ.get(FAILPOINT_VARIABLE)


def reach(name: str) -> None:
    """Kill this process with SIGKILL when the named point is armed; otherwise do nothing."""
    if name == _ARMED:
        os.kill(os.getpid(), signal.SIGKILL)
