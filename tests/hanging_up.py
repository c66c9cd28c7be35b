"""SIGHUP in tests: a test run that was started by nohup ignores it, and so do the processes that it starts."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def hang_up_is(handler: signal.Handlers) -> Iterator[None]:
    """Start processes with this answer to SIGHUP, whatever the test run itself was started with."""
    before = signal.signal(signal.SIGHUP, handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGHUP, before)
