"""A request to stop: set by a signal, asked by the engine at every point where stopping is safe."""

import threading

from rubyops.errors import Interrupted, Terminated


class StopSignal:
    """Remembers that a person or the system asked to stop."""

    def __init__(self) -> None:
        """Start with nobody having asked."""
        self._event = threading.Event()
        self._terminated = False

    @property
    def requested(self) -> bool:
        """Whether stopping was asked for."""
        return self._event.is_set()

    def request(self, *, terminated: bool = False) -> None:
        """Ask to stop; `terminated` when it was SIGTERM."""
        self._terminated = self._terminated or terminated
        self._event.set()

    def wait(self, seconds: float) -> None:
        """Wait this long, or less when stopping is asked for."""
        self._event.wait(seconds)

    def raise_if_set(self) -> None:
        """Raise `Interrupted` or `Terminated` if stopping was asked for.

        It is called only where nothing is half done.
        """
        if self._event.is_set():
            raise Terminated() if self._terminated else Interrupted()
