"""The highest fencing token that a supervisor was ever given, in a file that outlives it.

Two programs write it: supervisord, and the driver where none runs. A lock keeps a writer that was held
up from lowering the token. Whoever cannot have the lock at once is refused, because supervisord must
not wait for anybody.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rubyops.errors import LockLost, Refused

NAME = "fence"


def present(folder: Path) -> int:
    """Return the highest token so far, 0 where there was none. Raises `Refused` for no number."""
    file = folder / NAME
    try:
        text = file.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return 0
    if not (text.isascii() and text.isdigit()):
        raise Refused(f"{file} holds {text[:40]!r} where one fencing token belongs. See that no run is at work, then delete it.")
    return int(text)


def advance(folder: Path, token: int) -> None:
    """Raise the token; the same one again is no change.

    Raises `LockLost` for a lower one, `Refused` where another process is writing.
    """
    folder.mkdir(mode=0o700, exist_ok=True)
    with _alone(folder):
        confirm(folder, token)
        unfinished = folder / f"{NAME}.unfinished"
        with unfinished.open("w", encoding="ascii") as file:
            file.write(f"{token}\n")
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(folder / NAME)


def confirm(folder: Path, token: int) -> None:
    """Raise `LockLost` where a higher token than this one was given."""
    highest = present(folder)
    if token < highest:
        raise LockLost(f"another run has taken over: fencing token {token} was overtaken by {highest}", next_command="rubyops lock show")


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    with (folder / f"{NAME}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Refused(f"another process is writing {folder / NAME}; repeat the command") from None
        yield
