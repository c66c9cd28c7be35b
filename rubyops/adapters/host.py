"""Identifies this process, so that other processes on this machine can see whether it runs.

A start time is the kernel's count of ticks since boot. A time of day would change with the clock,
and a running holder of the lock would look dead.
"""

import os
import pwd
import socket
from functools import cache
from pathlib import Path

from rubyops.ports import Holder

_START_TIME_FIELD = 19  # of /proc/<pid>/stat, counted after the command name
# A zombie (Z) has ended, and waits for its parent to read the exit code. X is a dead process.
_ENDED_STATES = ("Z", "X")
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
ROOT = 0
_UID_DIGITS_MAX = 10  # of a 32-bit number


def this_process() -> Holder:
    """Return this process as a holder of the lock."""
    pid = os.getpid()
    return Holder(_user(), socket.gethostname(), _boot(), pid, _started(pid) or 0)


def is_gone(holder: Holder) -> bool:
    """Whether the holder is known to have ended: it ran here since the boot, and runs no more.

    False for a holder on another machine. The start time shows whether the process id now belongs
    to another process.
    """
    if holder.host != socket.gethostname() or holder.boot != _boot() or not holder.boot:
        return False
    return _started(holder.pid) != holder.started


def _started(pid: int) -> int | None:
    try:
        fields = _stat_fields(pid)
    except OSError:
        return None
    return None if fields[0] in _ENDED_STATES else int(fields[_START_TIME_FIELD])


def _stat_fields(pid: int) -> list[str]:
    stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    return stat.rpartition(")")[2].split()


@cache
def _boot() -> str:
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return ""


def _user() -> str:
    """Return the user name of the real user id, or the id itself when it has no name.

    LOGNAME and USER are ignored, because anybody can set them and the owner of a freeze is a name.
    """
    uid = _person_behind_sudo() if os.getuid() == ROOT else os.getuid()
    try:
        return pwd.getpwuid(uid).pw_name
    except (KeyError, OverflowError):
        return str(uid)


def _person_behind_sudo() -> int:
    """Return the id of the user who called sudo, root's id without sudo.

    Only root may trust SUDO_UID: sudo sets it, but every other user could set it as well.
    """
    told = os.environ.get("SUDO_UID", "")
    believed = told.isascii() and told.isdigit() and len(told) <= _UID_DIGITS_MAX
    return int(told) if believed else ROOT
