"""Turns of tests, for one that must not run beside any other.

Roles belong to a whole PostgreSQL server.
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
    """Start a platform while no other worker does.

    A port that was chosen is free to others until somebody listens.
    """
    with (Path(os.environ[FOLDER_VARIABLE]) / "ports.lock").open("w") as own:
        fcntl.flock(own, fcntl.LOCK_EX)
        yield


@contextmanager
def turn(*, exclusive: bool, on_a_platform: bool) -> Iterator[None]:
    """Wait for the turn and keep it as long as the block lasts.

    With embedded servers a platform has its own, and its tests wait for nobody; the others share
    one.
    """
    if on_a_platform and sources.name() == "embedded":
        yield
        return
    folder = Path(os.environ[FOLDER_VARIABLE])
    with (folder / "turn.lock").open("w") as own:
        # A waiting test holds the gate, so that a stream of others cannot overtake it for ever.
        with (folder / "gate.lock").open("w") as gate:
            fcntl.flock(gate, fcntl.LOCK_EX)
            fcntl.flock(own, fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH)
        yield
