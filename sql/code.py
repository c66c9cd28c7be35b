"""The digest of the code that a process loads.

A process computes the digest at its start, before it imports its service. The toolkit computes the
digest of the files on disk, and so finds processes that run older code.
"""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("sql", "wallet_runtime")
SUFFIXES = (".json", ".py", ".sql")
LEFT_OUT = "__pycache__"


def code_digest(root: Path = ROOT) -> str:
    """Return the SHA-256 of the relative paths and contents of all source files of PACKAGES."""
    total = hashlib.sha256()
    for path in sorted(path for package in PACKAGES for path in _sources(root / package)):
        total.update(_entry(path, os.path.relpath(path, root).encode()))
    return total.hexdigest()


def _entry(path: str, name: bytes) -> bytes:
    # The length of the name comes first, so that different lists of files give different bytes.
    return len(name).to_bytes(4) + name + hashlib.sha256(_content(path)).digest()


def _sources(folder: Path) -> Iterator[str]:
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name != LEFT_OUT]
        # Hidden files do not count, because Python cannot import them. Some editors create hidden
        # links next to a file while it is edited.
        loaded = (name for name in files if name.endswith(SUFFIXES) and not name.startswith("."))
        yield from (os.path.join(place, name) for name in loaded)


def _content(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        return f"unreadable: {type(error).__name__}".encode()
