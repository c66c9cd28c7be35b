"""The journals as the engine needs them: files of lines on the operator's disk."""

from typing import Protocol


class JournalFile(Protocol):
    """The lines of one run, on the operator's disk. Raises `JournalUnwritable`."""

    def append(self, line: str) -> None:
        """Add one line and return only when it is on the disk."""

    def drop_torn_end(self) -> int:
        """Cut off an unfinished last line, which nobody acted on; return the number of bytes."""

    def close(self) -> None:
        """Release the file."""


class Journals(Protocol):
    """The journals of an environment. Raises `UsageError` for a run that is not there."""

    def create(self, run_id: str) -> JournalFile:
        """Begin the journal of a new run. Raises `JournalUnwritable`."""

    def reopen(self, run_id: str) -> JournalFile:
        """Open a run's journal to go on with it.

        Raises `LockHeld` when a living process has it open.
        """

    def runs(self) -> list[str]:
        """List the ids of all runs, oldest first."""

    def read(self, run_id: str) -> tuple[list[str], bool]:
        """Return a journal's lines and whether the last one is whole."""
