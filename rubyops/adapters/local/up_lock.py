"""A lock file, so that only one process at a time starts or stops an environment."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import TextIO

from rubyops.adapters.local.waiting import Waiting
from rubyops.errors import LockHeld
from rubyops.model.environment import Environment

LOCK_SECONDS = 120.0
POLL_SECONDS = 0.1


@contextmanager
def up_lock(environment: Environment, waiting: Waiting) -> Iterator[None]:
    """Hold the lock of an environment, whose folder must exist. Raises `LockHeld` after 120 s."""
    name = repr(environment.name)
    with (environment.home / "up.lock").open("w") as file:
        what = f"another rubyops, which starts or stops {name}"
        if not waiting.until(partial(_is_taken, file), LOCK_SECONDS, what, POLL_SECONDS):
            words = f"Another rubyops has been starting or stopping {name}"
            raise LockHeld(f"{words} for {LOCK_SECONDS:g} s. See that it goes on, then repeat.")
        yield


def _is_taken(file: TextIO) -> bool:
    """Take the lock of a file; return False while another process holds it."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
