"""Failpoints: a test sets `RUBY_FAILPOINT=<name>`, and the process is killed at that point."""

import os
import signal

from wallet_runtime.contract.variables import FAILPOINT_VARIABLE

_ARMED = os.environ.get(FAILPOINT_VARIABLE)


def reach(name: str) -> None:
    """Kill this process with SIGKILL if `RUBY_FAILPOINT` names this point."""
    if name == _ARMED:
        os.kill(os.getpid(), signal.SIGKILL)
