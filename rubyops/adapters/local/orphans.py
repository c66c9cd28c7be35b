"""Programs of an environment that outlived their supervisor: found by what they are, never by a process id alone."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

from rubyops.adapters.local.layout import HOME_MARK

PROC = Path("/proc")
GRACE_SECONDS = 10.0
LOOK_SECONDS = 0.05


def can_look() -> bool:
    """Whether this machine shows its processes."""
    return PROC.is_dir()


def alive(home: Path) -> list[int]:
    """List the process ids of all that lives of an environment: supervisor, processes, servers."""
    folder = home / "supervisor"
    supervisor = pid_in(folder / "supervisord.pid", str(folder / "supervisord.conf"))
    found = {pid for pid in _processes(home) if is_alive(pid)} | dict(_servers(home)).keys()
    return sorted(found | ({supervisor} if supervisor is not None else set()))


def end_leftovers(home: Path) -> int:
    """End every program of the environment in `home`, gracefully and then by force; return how many there were."""
    ended = end(dict.fromkeys(_processes(home), signal.SIGTERM))
    return ended + end(dict(_servers(home)))


def end(programs: dict[int, signal.Signals]) -> int:
    """Signal each process id, wait up to 10 s for all of them, and kill what is still there; return how many there were."""
    for pid, wanted in programs.items():
        _signal(pid, wanted)
    deadline = time.monotonic() + GRACE_SECONDS
    while any(map(is_alive, programs)) and time.monotonic() < deadline:
        time.sleep(LOOK_SECONDS)
    for pid in filter(is_alive, programs):
        _signal(pid, signal.SIGKILL)
    return len(programs)


def is_alive(pid: int) -> bool:
    """Whether the process runs; one that has ended and waits for its parent does not."""
    try:
        os.kill(pid, 0)
        return (
            (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
            if PROC.is_dir()
            else True
        )
    except PermissionError:
        return True
    except (ProcessLookupError, FileNotFoundError):
        return False


def pid_in(file: Path, mark: str) -> int | None:
    """Return the process id that a pid file names, if that process still runs and its command line holds `mark`."""
    try:
        pid = int(file.read_text().split()[0])
        command = (
            (PROC / str(pid) / "cmdline").read_bytes().decode(errors="replace")
            if PROC.is_dir()
            else mark
        )
    except (OSError, ValueError, IndexError):
        return None
    return pid if is_alive(pid) and mark in command else None


def _servers(home: Path) -> Iterator[tuple[int, signal.Signals]]:
    postgres = pid_in(home / "postgres" / "postmaster.pid", str(home / "postgres"))
    if postgres is not None:
        yield postgres, signal.SIGINT
    valkey = pid_in(home / "valkey" / "valkey.pid", "valkey-server") or pid_in(
        home / "valkey" / "valkey.pid", "redis-server"
    )
    if valkey is not None:
        yield valkey, signal.SIGTERM


def _processes(home: Path) -> Iterator[int]:
    mark = f"{HOME_MARK}={home}".encode()
    for folder in PROC.glob("[0-9]*"):
        try:
            if mark in (folder / "environ").read_bytes().split(b"\0"):
                yield int(folder.name)
        except OSError:  # it ended meanwhile, or it is somebody else's: not ours in either case
            continue


def _signal(pid: int, wanted: signal.Signals) -> None:
    try:
        os.kill(pid, wanted)
    except ProcessLookupError:
        return
