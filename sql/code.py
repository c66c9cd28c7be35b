"""The digest of the code that a process loads: it tells a running process and a checkout apart.

The runtime computes it before it imports a service; the toolkit computes it over the files on the
disk now.
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
    """Return the sha256 over relative path and content of every source file of the packages."""
    total = hashlib.sha256()
    for path in sorted(path for package in PACKAGES for path in _sources(root / package)):
        name = os.path.relpath(path, root).encode()
        content = hashlib.sha256(_content(path)).digest()
        # The length stands first, so that no two lists of files are the same bytes.
        total.update(len(name).to_bytes(4) + name + content)
    return total.hexdigest()


def _sources(folder: Path) -> Iterator[str]:
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name != LEFT_OUT]
        # A hidden file cannot be imported; editors leave such links beside the file that is being
        # written.
        loaded = (name for name in files if name.endswith(SUFFIXES) and not name.startswith("."))
        yield from (os.path.join(place, name) for name in loaded)


def _content(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        return f"unreadable: {type(error).__name__}".encode()
