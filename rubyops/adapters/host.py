"""The identity of this process: another one on this machine can see whether it still lives.

Start times are ticks since boot, straight from the kernel. A library that turns them into times of
the day would move with the clock, and a live holder of the lock would look dead.
"""

import os
import pwd
import socket
from functools import cache
from pathlib import Path

from rubyops.ports import Holder

_START_TIME_FIELD = 19  # of /proc/<pid>/stat, counted after the command name
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
ROOT = 0
_UID_DIGITS_MAX = 10  # of a 32-bit number


def this_process() -> Holder:
    """Describe the present process as the holder of a lock."""
    pid = os.getpid()
    return Holder(_user(), socket.gethostname(), _boot(), pid, _started(pid) or 0)


def is_gone(holder: Holder) -> bool:
    """Whether the holder ran on this machine since its boot, and its process has ended.

    The start time tells apart a process id that was given to another process. Nothing is known of
    another machine.
    """
    if holder.host != socket.gethostname() or holder.boot != _boot() or not holder.boot:
        return False
    return _started(holder.pid) != holder.started


def _started(pid: int) -> int | None:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()
    # A zombie has died; only its parent does not know yet.
    return None if fields[0] in ("Z", "X") else int(fields[_START_TIME_FIELD])


@cache
def _boot() -> str:
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return ""


def _user() -> str:
    """Name the person by the real user id; a user id without a passwd entry is its number.

    LOGNAME and USER are not asked: anybody can set them, and a freeze belongs to a person by name.
    """
    uid = _person_behind_sudo() if os.getuid() == ROOT else os.getuid()
    try:
        return pwd.getpwuid(uid).pw_name
    except (KeyError, OverflowError):
        return str(uid)


def _person_behind_sudo() -> int:
    """Return the user id that sudo was called by, root's where there is none.

    Only root's is believed: sudo writes the variable, and any other user could have written it.
    """
    told = os.environ.get("SUDO_UID", "")
    believed = told.isascii() and told.isdigit() and len(told) <= _UID_DIGITS_MAX
    return int(told) if believed else ROOT
