"""The journals of an environment: one append-only file per run, synced line by line."""

import fcntl
import os
import stat
from pathlib import Path

from rubyops.adapters.durable import sync_folder
from rubyops.errors import JournalUnreadable, JournalUnwritable, LockHeld, UsageError

SUFFIX = ".ndjson"


class JournalFile:
    """One run's file, open for appending by this process alone."""

    def __init__(self, path: Path, *, create: bool) -> None:
        """Open the file, which must be new when `create` is set.

        Raises `JournalUnwritable`, or `LockHeld` when another process has it open.
        """
        self._path = path
        try:
            self._descriptor = _opened(path, create=create)
        except BlockingIOError:
            raise LockHeld(
                f"run {path.stem} is being carried out by another process; nothing was changed",
                next_command=f"rubyops runs show {path.stem}",
            ) from None
        except OSError as error:
            raise JournalUnwritable(
                f"the journal {path} cannot be written ({error.strerror}), so nothing is done. "
                "Make room or mend the permissions."
            ) from error

    def append(self, line: str) -> None:
        """Add one line and return only when it is on the disk. Raises `JournalUnwritable`."""
        data = (line + "\n").encode()
        written = self._write(data)
        if written != len(data):
            raise JournalUnwritable(
                f"the journal {self._path} took {written} of {len(data)} bytes: the disk is full; "
                "nothing more is done"
            )

    def _write(self, data: bytes) -> int:
        try:
            written = os.write(self._descriptor, data)
            os.fsync(self._descriptor)
        except OSError as error:
            raise JournalUnwritable(
                f"the journal {self._path} cannot be written ({error.strerror}); "
                "nothing more is done"
            ) from error
        return written

    def drop_torn_end(self) -> int:
        """Cut off an incomplete last line, which a killed process left; return its length in bytes.

        An effect begins only after its line is complete, so no effect belongs to such a line.
        """
        text = self._path.read_bytes()
        whole = text.rfind(b"\n") + 1
        if whole < len(text):
            os.ftruncate(self._descriptor, whole)
            os.fsync(self._descriptor)
        return len(text) - whole

    def close(self) -> None:
        """Release the file."""
        os.close(self._descriptor)


class JournalFolder:
    """All journals of one environment, oldest first."""

    def __init__(self, folder: Path) -> None:
        """Name the folder; it need not exist."""
        self._folder = folder

    def create(self, run_id: str) -> JournalFile:
        """Begin the journal of a new run."""
        return JournalFile(self._path(run_id), create=True)

    def reopen(self, run_id: str) -> JournalFile:
        """Open a run's journal to append to it.

        Raises `JournalUnreadable` unless the journal is an ordinary file with one name.
        """
        path = self._path(run_id)
        _refuse_shared(path, self._looked_at(run_id, path))
        return JournalFile(path, create=False)

    def runs(self) -> list[str]:
        """List the ids of all runs, oldest first; empty when the folder does not exist.

        Raises `JournalUnreadable`.
        """
        try:
            names = os.listdir(self._folder)
        except FileNotFoundError:
            return []
        except OSError as error:
            raise JournalUnreadable(
                f"the journals in {self._folder} cannot be read: {error.strerror}"
            ) from error
        return sorted(name.removesuffix(SUFFIX) for name in names if _is_journal(name))

    def read(self, run_id: str) -> tuple[list[str], bool]:
        """Return the lines of a journal, and whether the last line is complete.

        Raises `UsageError` for an unknown run. Raises `JournalUnreadable` unless the journal is an
        ordinary file with one name.
        """
        path = self._path(run_id)
        _refuse_shared(path, self._looked_at(run_id, path))
        try:
            text = path.read_text(encoding="utf-8", errors="replace")
        except OSError as error:
            raise JournalUnreadable(
                f"the journal {path} cannot be read: {error.strerror}"
            ) from error
        # `splitlines` would also split at separators that JSON strings may contain.
        return text.removesuffix("\n").split("\n") if text else [], text.endswith("\n") or not text

    def _looked_at(self, run_id: str, path: Path) -> os.stat_result:
        try:
            return path.lstat()
        except FileNotFoundError:
            raise _no_run(f"there is no run {run_id} in {self._folder}") from None
        except (OSError, ValueError) as error:
            raise JournalUnreadable(f"the journal {path} cannot be read: {error}") from error

    def _path(self, run_id: str) -> Path:
        if "/" in run_id or not run_id.startswith("r-"):
            raise _no_run(f"{run_id!r} is not the id of a run, such as r-0a1b2c3d4e5f")
        return self._folder / (run_id + SUFFIX)


def _no_run(reason: str) -> UsageError:
    return UsageError(reason, next_command="rubyops runs list")


def _opened(path: Path, *, create: bool) -> int:
    """Return a descriptor of the journal, which this process has locked."""
    flags = os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | (os.O_CREAT | os.O_EXCL if create else 0)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, flags, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    if create:
        sync_folder(path.parent)
    return descriptor


def _refuse_shared(path: Path, found: os.stat_result) -> None:
    """Raise `JournalUnreadable` unless the journal is an ordinary file with one name.

    Through a link, two run ids could share one journal.
    """
    if not stat.S_ISREG(found.st_mode):
        kind = _kind(found.st_mode)
        raise JournalUnreadable(f"the journal {path} is {kind}; one file stands for one run")
    if found.st_nlink > 1:
        raise JournalUnreadable(
            f"the journal {path} has {found.st_nlink} names (hard links); "
            "one file stands for one run"
        )


def _is_journal(name: str) -> bool:
    return name.startswith("r-") and name.endswith(SUFFIX)


def _kind(mode: int) -> str:
    if stat.S_ISLNK(mode):
        return "a symbolic link"
    return "a folder" if stat.S_ISDIR(mode) else "no ordinary file"
