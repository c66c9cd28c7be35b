"""Locks between test workers, for tests that must not run beside others.

A test that changes a role needs the servers alone, because roles belong to a whole PostgreSQL
server.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests import sources
from tests.cluster import FOLDER_VARIABLE


@contextmanager
def taking_ports() -> Iterator[None]:
    """Hold a lock, so that only one worker at a time starts a platform.

    Until a process listens on a chosen port, other workers could choose the same port.
    """
    with (Path(os.environ[FOLDER_VARIABLE]) / "ports.lock").open("w") as own:
        fcntl.flock(own, fcntl.LOCK_EX)
        yield


@contextmanager
def turn(*, exclusive: bool, on_a_platform: bool) -> Iterator[None]:
    """Wait for a shared or exclusive lock on the servers, and hold it until the block ends.

    With embedded servers each live platform has its own servers, so its tests need no lock.
    """
    if on_a_platform and sources.name() == "embedded":
        yield
        return
    folder = Path(os.environ[FOLDER_VARIABLE])
    with (folder / "turn.lock").open("w") as own:
        # A waiting test holds gate.lock, so that later tests cannot get turn.lock before it.
        with (folder / "gate.lock").open("w") as gate:
            fcntl.flock(gate, fcntl.LOCK_EX)
            fcntl.flock(own, fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH)
        yield
