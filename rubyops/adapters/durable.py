"""Files that survive a crash: after a write both the bytes and the name are on the disk."""

import contextlib
import os
from pathlib import Path
from typing import TypeVar

import msgspec

from rubyops.errors import StateDamaged, StateUnwritable

T = TypeVar("T")


def replace_state(path: Path, text: str) -> None:
    """Replace a file of state (0600) as a whole. Raises `StateUnwritable`, and the old one stays.

    A file that is truncated first would be empty after a full disk or a crash.
    """
    unfinished = path.with_name(f"{path.name}.new")
    try:
        unfinished.unlink(missing_ok=True)
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            unfinished.unlink(missing_ok=True)
        do = "Make room or mend the permissions of its folder, then repeat."
        raise StateUnwritable(f"{path} cannot be written ({error.strerror}). {do}") from error


def read_state(path: Path, shape: type[T], remedy: str) -> T | None:
    """Return the content of a JSON file of state, None where there is none yet.

    Raises `StateDamaged` with the remedy and no value: the file may hold secrets.
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
    """Write a file that must not exist yet, and wait until its bytes are on the disk."""
    with path.open("x", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
