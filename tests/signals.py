"""Sets signal handlers for the tests that need them.

A test run under nohup, or in the background of a script, ignores some signals, and so do the
processes that it starts.
"""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Answer = signal.Handlers | Callable[..., object]


@contextmanager
def answered(number: signal.Signals, answer: Answer) -> Iterator[None]:
    """Handle a signal with `answer`, in this process and its new children, until the block ends."""
    before = signal.signal(number, answer)
    try:
        yield
    finally:
        signal.signal(number, before)
