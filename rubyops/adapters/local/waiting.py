"""The waits of the driver: each has a bound, says what it waits for, and hears a request to stop."""

import time
from collections.abc import Callable

TOLD_SECONDS = 2.0  # a shorter wait says nothing
AGAIN_SECONDS = 30.0


def _nothing() -> None:
    """Hear nothing."""


def _silence(words: str) -> None:
    """Say nothing."""


class Waiting:
    """Waits for one driver and its parts. Nothing may be half done where it is asked to wait.

    `hear` is asked at each look, and ends the wait by raising. `say` is given the words.
    """

    def __init__(self) -> None:
        """Hear and say nothing yet."""
        self.hear: Callable[[], None] = _nothing
        self.say: Callable[[str], None] = _silence

    def until(
        self,
        holds: Callable[[], bool],
        seconds: float,
        what: str,
        look_seconds: float,
    ) -> bool:
        """Return whether it held within the bound; look again after `look_seconds`."""
        began = time.monotonic()
        next_word = TOLD_SECONDS
        while not holds():
            waited = time.monotonic() - began
            if waited > seconds:
                return False
            self.hear()
            if waited >= next_word:
                next_word = waited + AGAIN_SECONDS
                self.say(f"waiting for {what} ({waited:.0f} s, at most {seconds:g} s)")
            time.sleep(look_seconds)
        return True
