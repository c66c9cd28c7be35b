"""The highest fencing token that a supervisor was given, in a file that outlives the supervisor.

supervisord writes the file, and the driver does when supervisord does not run. A file lock keeps a
slow writer from storing a lower token. A writer that does not get the lock at once is refused,
because supervisord must not wait.
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rubyops.adapters.durable import replace_state
from rubyops.errors import Refused, overtaken

NAME = "fence"
# The XML-RPC fault codes for a refusal of the fence: fenced_rpc.py in supervisord sends them to the
# driver.
OVERTAKEN, REFUSED = 901, 902
_REMEDY = "See that no run is at work (`rubyops lock show`), then delete it."


def present(folder: Path) -> int:
    """Return the highest token, 0 without a file. Raises `Refused` when the file has no number."""
    file = folder / NAME
    try:
        found = file.read_bytes().strip()
    except FileNotFoundError:
        return 0
    except OSError as error:
        raise Refused(f"{file} cannot be read ({error.strerror}). {_REMEDY}") from error
    return _parsed(found, file)


def _parsed(found: bytes, file: Path) -> int:
    # A damaged file may hold any bytes. `bytes.isdigit` is true for ASCII digits only.
    if not found.isdigit():
        shown = found[:40].decode("ascii", "backslashreplace")
        raise Refused(f"{file} holds {shown!r} where one fencing token belongs. {_REMEDY}")
    return int(found)


def advance(folder: Path, token: int) -> None:
    """Store a higher token; the same token changes nothing.

    Raises `LockLost` for a lower token, and `Refused` while another process writes.
    """
    folder.mkdir(mode=0o700, exist_ok=True)
    with _alone(folder):
        confirm(folder, token)
        replace_state(folder / NAME, f"{token}\n")


def confirm(folder: Path, token: int) -> None:
    """Raise `LockLost` when a higher token than this one is stored."""
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
