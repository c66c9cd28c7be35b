"""Calls a function again and again until it returns an answer, or until the time is over."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def poll(ask: Callable[[], T | None], seconds: float, pause: Callable[[], None]) -> T | None:
    """Return the first answer of `ask`, or None after `seconds`; call `ask` at least once.

    `pause` sleeps between two calls, and may raise an error to end the wait.
    """
    deadline = time.monotonic() + seconds
    while (answer := ask()) is None and time.monotonic() < deadline:
        pause()
    return answer
