"""Finds and ends programs of an environment that outlived their supervisor.

A program is identified by its command line or its variables. Its process id alone could belong to
another program by now.
"""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

from rubyops.adapters.local.layout import HOME_LABEL
from rubyops.adapters.local.waiting import Waiting

PROC = Path("/proc")
GRACE_SECONDS = 10.0
POLL_SECONDS = 0.05


def can_look() -> bool:
    """Whether /proc shows the processes of this machine."""
    return PROC.is_dir()


def alive(home: Path) -> list[int]:
    """List the ids of the environment's running supervisor, processes and servers."""
    folder = home / "supervisor"
    supervisor = pid_in(folder / "supervisord.pid", str(folder / "supervisord.conf"))
    found = {pid for pid in _processes(home) if is_alive(pid)} | dict(_servers(home)).keys()
    return sorted(found | ({supervisor} if supervisor is not None else set()))


def end_orphans(home: Path) -> int:
    """End every program of the environment in `home`; return how many programs there were.

    Processes end before servers.
    """
    ended = end(dict.fromkeys(_processes(home), signal.SIGTERM))
    return ended + end(dict(_servers(home)))


def end(programs: dict[int, signal.Signals]) -> int:
    """Signal each process id, wait up to 10 s, then kill the rest; return how many there were.

    A stop request does not interrupt the wait: servers that are only half stopped would be left
    without a supervisor.
    """
    for pid, wanted in programs.items():
        _signal(pid, wanted)
    ended = Waiting().until(
        lambda: not any(map(is_alive, programs)), GRACE_SECONDS, "orphans", POLL_SECONDS
    )
    for pid in () if ended else filter(is_alive, programs):
        _signal(pid, signal.SIGKILL)
    return len(programs)


def is_alive(pid: int) -> bool:
    """Whether the process runs. A zombie counts as ended."""
    try:
        os.kill(pid, 0)
        return not can_look() or _state(pid) != "Z"
    except PermissionError:
        return True
    except (ProcessLookupError, FileNotFoundError):
        return False


def pid_in(file: Path, words: str) -> int | None:
    """Return the process id in a pid file if its process has `words` in its command line."""
    try:
        pid = int(file.read_text().split()[0])
        command = _command(pid) if can_look() else words
    except (OSError, ValueError, IndexError):
        return None
    return pid if is_alive(pid) and words in command else None


def _state(pid: int) -> str:
    return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()[0]


def _command(pid: int) -> str:
    return (PROC / str(pid) / "cmdline").read_bytes().decode(errors="replace")


def _servers(home: Path) -> Iterator[tuple[int, signal.Signals]]:
    postgres = pid_in(home / "postgres" / "postmaster.pid", str(home / "postgres"))
    if postgres is not None:
        yield postgres, signal.SIGINT
    valkey = _valkey(home / "valkey" / "valkey.pid")
    if valkey is not None:
        yield valkey, signal.SIGTERM


def _valkey(pid_file: Path) -> int | None:
    return pid_in(pid_file, "valkey-server") or pid_in(pid_file, "redis-server")


def _processes(home: Path) -> Iterator[int]:
    label = f"{HOME_LABEL}={home}".encode()
    for folder in PROC.glob("[0-9]*"):
        try:
            if label in (folder / "environ").read_bytes().split(b"\0"):
                yield int(folder.name)
        except OSError:  # the process has ended, or is another user's
            continue


def _signal(pid: int, wanted: signal.Signals) -> None:
    try:
        os.kill(pid, wanted)
    except ProcessLookupError:
        return
