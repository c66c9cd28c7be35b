"""The interfaces by which the engine reads and writes journal files."""

from typing import Protocol


class JournalFile(Protocol):
    """The open journal file of one run. Its methods raise `JournalUnwritable`."""

    def append(self, line: str) -> None:
        """Append one line; return once it is synced to the disk."""

    def drop_torn_end(self) -> int:
        """Remove an incomplete last line, which no run acted on; return its length in bytes."""

    def close(self) -> None:
        """Release the file."""


class Journals(Protocol):
    """The journals of an environment. Its methods raise `UsageError` for an unknown run."""

    def create(self, run_id: str) -> JournalFile:
        """Create the journal of a new run. Raises `JournalUnwritable`."""

    def reopen(self, run_id: str) -> JournalFile:
        """Open an existing journal to append to it.

        Raises `LockHeld` while another process has it open.
        """

    def runs(self) -> list[str]:
        """List the ids of all runs, oldest first."""

    def read(self, run_id: str) -> tuple[list[str], bool]:
        """Return a journal's lines, and whether the last one ends with a newline."""
