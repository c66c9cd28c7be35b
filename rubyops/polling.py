"""The one wait: ask again until there is an answer, within a bound."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def poll(ask: Callable[[], T | None], seconds: float, pause: Callable[[], None]) -> T | None:
    """Return the first answer, None when none came within `seconds`. Asks at least once.

    `pause` waits between two questions, and may end the wait by raising.
    """
    deadline = time.monotonic() + seconds
    while (answer := ask()) is None and time.monotonic() < deadline:
        pause()
    return answer
