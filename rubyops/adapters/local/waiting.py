"""The waits of the driver. Each has a time limit, names its subject, and can be interrupted."""

import time
from collections.abc import Callable

from rubyops.polling import poll

TOLD_SECONDS = 2.0  # a shorter wait prints nothing
AGAIN_SECONDS = 30.0


def _nothing() -> None:
    """Never interrupt a wait."""


def _silence(words: str) -> None:
    """Print nothing."""


class Waiting:
    """Waits for one driver. `hear` may interrupt a wait, so no change may be half done then.

    `hear` is called before each pause, and interrupts the wait by raising. `say` gets the text of a
    wait that takes long.
    """

    def __init__(self) -> None:
        """Begin without an interruption and without text."""
        self.hear: Callable[[], None] = _nothing
        self.say: Callable[[str], None] = _silence

    def until(
        self,
        holds: Callable[[], bool],
        seconds: float,
        what: str,
        poll_seconds: float,
    ) -> bool:
        """Poll `holds` every `poll_seconds`; return whether it held within `seconds`."""
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
