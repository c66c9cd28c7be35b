"""The highest fencing token that a supervisor was ever given, in a file that outlives it.

Two programs write it: supervisord, and the driver where none runs. A lock keeps a delayed writer
from lowering the token. A writer that cannot take the lock at once is refused, because supervisord
must not wait.
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rubyops.adapters.durable import replace_state
from rubyops.errors import Refused, overtaken

NAME = "fence"
# The codes by which supervisord tells a refusal of the fence (fenced_rpc.py) to the driver.
OVERTAKEN, REFUSED = 901, 902
_REMEDY = "See that no run is at work (`rubyops lock show`), then delete it."


def present(folder: Path) -> int:
    """Return the highest token so far, 0 where there was none. Raises `Refused` for no number."""
    file = folder / NAME
    try:
        found = file.read_bytes().strip()
    except FileNotFoundError:
        return 0
    except OSError as error:
        raise Refused(f"{file} cannot be read ({error.strerror}). {_REMEDY}") from error
    # The file may hold any bytes, and `bytes.isdigit` accepts ASCII digits alone.
    if not found.isdigit():
        shown = found[:40].decode("ascii", "backslashreplace")
        raise Refused(f"{file} holds {shown!r} where one fencing token belongs. {_REMEDY}")
    return int(found)


def advance(folder: Path, token: int) -> None:
    """Raise the token; the same one again is no change.

    Raises `LockLost` for a lower one, `Refused` where another process is writing.
    """
    folder.mkdir(mode=0o700, exist_ok=True)
    with _alone(folder):
        confirm(folder, token)
        replace_state(folder / NAME, f"{token}\n")


def confirm(folder: Path, token: int) -> None:
    """Raise `LockLost` where a higher token than this one was given."""
    highest = present(folder)
    if token < highest:
        raise overtaken(f"fencing token {token} was overtaken by {highest}")


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    with (folder / f"{NAME}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Refused(
                f"another process is writing {folder / NAME}; repeat the command"
            ) from None
        yield
