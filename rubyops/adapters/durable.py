"""Files that survive a crash: after a write both the bytes and the name are on the disk."""

import contextlib
import os
from pathlib import Path
from typing import TextIO, TypeVar

import msgspec

from rubyops.errors import StateDamaged, StateUnwritable

T = TypeVar("T")


def replace_state(path: Path, text: str) -> None:
    """Replace a state file (0600) atomically. Raises `StateUnwritable` and keeps the old file.

    A file that is truncated in place would be empty after a crash or on a full disk.
    """
    unfinished = path.with_name(f"{path.name}.new")
    try:
        unfinished.unlink(missing_ok=True)
        _write_private(unfinished, text)
        unfinished.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            unfinished.unlink(missing_ok=True)
        do = "Make room or mend the permissions of its folder, then repeat."
        raise StateUnwritable(f"{path} cannot be written ({error.strerror}). {do}") from error


def read_state(path: Path, shape: type[T], remedy: str) -> T | None:
    """Return the content of a JSON state file, None when the file does not exist.

    Raises `StateDamaged` with the remedy. The message shows no value, because values may be
    secrets.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=shape)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StateDamaged(f"{path} cannot be read ({error.strerror}). {remedy}") from error
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise StateDamaged(f"{path} is damaged ({error}). {remedy}") from error


def write_new(path: Path, text: str) -> None:
    """Write a file that must not exist yet, and return when its bytes are on the disk."""
    with path.open("x", encoding="utf-8") as file:
        _write_synced(file, text)


def _write_private(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        _write_synced(file, text)


def _write_synced(file: TextIO, text: str) -> None:
    file.write(text)
    file.flush()
    os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Wait until the names of the folder's files are on the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
