"""Signals in tests: a run started by nohup, or in the background of a script, ignores some of them.

So do the processes that it starts. A test of a signal says how it is answered.
"""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Answer = signal.Handlers | Callable[..., object]


@contextmanager
def answered(number: signal.Signals, answer: Answer) -> Iterator[None]:
    """Have this process, and those that it starts, answer a signal so while the block lasts."""
    before = signal.signal(number, answer)
    try:
        yield
    finally:
        signal.signal(number, before)
