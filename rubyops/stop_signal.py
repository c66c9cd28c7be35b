"""A request to stop, set by a signal; the engine checks it wherever a stop is safe."""

import threading

from rubyops.errors import Interrupted, Terminated


class StopSignal:
    """Remembers a request to stop."""

    def __init__(self) -> None:
        """Start without a request."""
        self._event = threading.Event()
        self._terminated = False

    @property
    def requested(self) -> bool:
        """Whether a stop was requested."""
        return self._event.is_set()

    def request(self, *, terminated: bool = False) -> None:
        """Request a stop; `terminated` is True for SIGTERM."""
        self._terminated = self._terminated or terminated
        self._event.set()

    def wait(self, seconds: float) -> None:
        """Sleep, but return at once when a stop is requested."""
        self._event.wait(seconds)

    def raise_if_set(self) -> None:
        """Raise `Interrupted` or `Terminated` if a stop was requested.

        Call it only where no work is half done.
        """
        if self._event.is_set():
            raise Terminated() if self._terminated else Interrupted()
