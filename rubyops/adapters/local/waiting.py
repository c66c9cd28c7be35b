"""The waits of the driver: each has a bound, names its subject, and hears a request to stop."""

import time
from collections.abc import Callable

from rubyops.polling import poll

TOLD_SECONDS = 2.0  # a shorter wait says nothing
AGAIN_SECONDS = 30.0


def _nothing() -> None:
    """Hear nothing."""


def _silence(words: str) -> None:
    """Say nothing."""


class Waiting:
    """Waits for one driver and its parts. Nothing may be half done where it waits.

    `hear` is called before each pause, and ends the wait by raising. `say` is given the words.
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
        poll_seconds: float,
    ) -> bool:
        """Return whether it held within the bound; ask again after `poll_seconds`."""
        began = time.monotonic()
        next_word = TOLD_SECONDS

        def pause() -> None:
            nonlocal next_word
            self.hear()
            waited = time.monotonic() - began
            if waited >= next_word:
                next_word = waited + AGAIN_SECONDS
                self.say(f"waiting for {what} ({waited:.0f} s, at most {seconds:g} s)")
            time.sleep(poll_seconds)

        return poll(lambda: holds() or None, seconds, pause) is True
