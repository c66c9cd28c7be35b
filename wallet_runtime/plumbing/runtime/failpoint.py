"""Named points where a test may kill the process: `RUBY_FAILPOINT=<name>` in its environment."""

import os
import signal

from wallet_runtime import contract

_ARMED = os.environ.get(contract.FAILPOINT_VARIABLE)


def reach(name: str) -> None:
    """Kill this process with SIGKILL when the named point is armed; otherwise do nothing."""
    if name == _ARMED:
        os.kill(os.getpid(), signal.SIGKILL)
