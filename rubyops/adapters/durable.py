"""Files that must be there after a crash: what was said to be written is on the disk, and so is its name."""

import os
from pathlib import Path


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
