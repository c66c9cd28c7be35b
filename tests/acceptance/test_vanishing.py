"""A server or the output fails in the middle of a run (K15).

At a step of the tier 2 rollback a server hangs, the terminal closes or the output pipe fills. The
run must still write its end to the journal and report the true freeze state, and a resume must
reach the same final state. `RUBYOPS_VANISHING=all pytest tests/acceptance/test_vanishing.py` plays
every fault at every step. The normal test run plays each fault at one or two steps.
"""

import contextlib
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from rubyops.config import CHECKOUT
from tests.acceptance.platform import RUN_SECONDS_MAX, Live, stands_still, wait_until
from tests.signals import answered
from wallet_runtime.contract.freeze import OPEN

pytestmark = [
    pytest.mark.slow,
    pytest.mark.fault,
    pytest.mark.embedded_only(reason="it stops the servers' own processes"),
]

Process = subprocess.Popen[bytes]
ROLLBACK = ("rollback", "--tier", "2")
STEPS = (
    "freeze",
    "frozen",
    "way-back",
    "drain",
    "stop-consumers",
    "seal",
    "export",
    "re-activate",
    "start-consumers",
    "health",
    "topology-endpoint",
    "policy-endpoint",
    "smoke",
    "reconcile",
    "canary",
    "thaw",
)
HANGS = ("postgres", "valkey", "wallet_service", "supervisord")
OUTPUTS = ("closed terminal", "full pipe", "reader gone", "full disk")
PLAYED = {
    "postgres": ("seal",),
    "valkey": ("drain",),
    "wallet_service": ("re-activate",),
    "supervisord": ("stop-consumers",),
    "closed terminal": ("export",),
    "full pipe": ("freeze",),
    "reader gone": ("smoke",),
    "full disk": ("thaw",),
}


def places(faults: tuple[str, ...]) -> list[tuple[str, str]]:
    everything = os.environ.get("RUBYOPS_VANISHING") == "all"
    return [(fault, step) for fault in faults for step in (STEPS if everything else PLAYED[fault])]


@pytest.fixture
def candidate(live: Live) -> Iterator[Live]:
    live.activate(2)
    yield live
    live.close()


@contextlib.contextmanager
def hanging(live: Live, what: str) -> Iterator[None]:
    """Suspend every process of one server until the block ends."""
    live.close()
    standing: list[int] = []
    try:
        for pid in _pids(live, what):
            # A server process may end before it gets the signal.
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
                standing.append(pid)
        assert standing, what
        yield
    finally:
        for pid in standing:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


def _pids(live: Live, what: str) -> Iterator[int]:
    """The process ids of a server, parents first, since a suspended parent starts no child."""
    home = live.environment.home
    if what == "postgres":
        first = int((home / "postgres" / "postmaster.pid").read_text().split()[0])
        yield first
        yield from _children(first)
    elif what == "valkey":
        yield int((home / "valkey" / "valkey.pid").read_text())
    elif what == "supervisord":
        yield int((home / "supervisor" / "supervisord.pid").read_text())
    else:
        yield from live.pids(what)


def _children(parent: int) -> list[int]:
    tasks = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return [int(pid) for pid in tasks]


def ended(live: Live, run_id: str) -> dict[str, Any]:
    """The last line of a run's journal, which must be the end of the run."""
    last = live.journal(run_id)[-1]
    assert last["type"] == "run_finished", f"{run_id} has no end in its journal: {last['type']}"
    return last


def finish_rollback(live: Live, run_id: str, code: int) -> None:
    """Resume the rollback if it did not succeed, and assert its final state."""
    wait_until(lambda: _answers(live), "the platform answers again")
    if code == 0:
        live.settle_down()
    else:
        answer = live.run("runs", "resume", run_id)
        assert answer.code == 0, answer.told
    assert live.gate()["topology_version"] == 1
    assert (live.level(), live.gate()["freeze_level"]) == (OPEN, OPEN)


def _answers(live: Live) -> bool:
    return live.run("status").code in (0, 5)


@pytest.mark.parametrize(("what", "step"), places(HANGS))
def test_a_server_that_hangs_is_told_and_the_run_is_ended(
    candidate: Live, what: str, step: str
) -> None:
    live = candidate
    with live.paused_before(step, *ROLLBACK) as run:
        run_id = live.newest_run()
        with hanging(live, what):
            answer = run.go_on()
            assert "Money is" in answer.told
            assert "Traceback" not in answer.told
    ended(live, run_id)
    finish_rollback(live, run_id, answer.code)


def test_status_tells_freeze_and_lock_while_redis_hangs(live: Live) -> None:
    live.done("freeze", "--reason", "look")
    with live.paused_before("reconcile", "run", "verify"):
        holder = live.newest_run()
        with hanging(live, "valkey"):
            answer = live.run("status")
    assert answer.code == 5, answer.told
    rows = {row["id"]: row for row in answer.body["results"]}
    assert "FROZEN (ingress)" in rows["freeze"]["summary"]
    assert holder in rows["lock"]["summary"]
    assert "Redis did not answer" in str(answer.body)


@pytest.mark.parametrize(("what", "step"), places(OUTPUTS))
def test_an_output_that_goes_away_never_leaves_a_run_without_an_end(
    candidate: Live, what: str, step: str
) -> None:
    live = candidate
    with contextlib.ExitStack() as after:
        process, close = spawn(live, what, step, after)
        code, run_id = played(live, process, close, step)
    last = ended(live, run_id)
    assert last["exit_code"] == code
    finish_rollback(live, run_id, code)


def played(
    live: Live,
    process: Process,
    close: Callable[[], None],
    step: str,
) -> tuple[int, str]:
    """Break the output once the run reaches `step`; return the exit code and the run id."""
    try:
        wait_until(
            lambda: process.poll() is not None or stands_still(process.pid), f"{step} is reached"
        )
        assert process.returncode is None
        run_id = live.newest_run()
        close()
        process.send_signal(signal.SIGCONT)
        return process.wait(RUN_SECONDS_MAX), run_id
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def spawn(
    live: Live,
    what: str,
    step: str,
    after: contextlib.ExitStack,
) -> tuple[Process, Callable[[], None]]:
    """Start a rollback; return its process and a function that breaks its output."""
    command = [sys.executable, "-m", "rubyops", *ROLLBACK, "-e", live.name]
    environ = live.home.environ(f"pause-before:{step}")
    more: dict[str, Any] = {"env": environ, "cwd": CHECKOUT, "stdin": subprocess.DEVNULL}
    if what == "closed terminal":
        master, slave = pty.openpty()
        with answered(signal.SIGHUP, signal.SIG_DFL):
            process = subprocess.Popen(
                command, stdout=slave, stderr=slave, start_new_session=True, **more
            )
        os.close(slave)

        def hang_up() -> None:
            os.close(master)
            process.send_signal(signal.SIGHUP)

        return process, hang_up
    if what == "full disk":
        with Path("/dev/full").open("wb") as full:
            return subprocess.Popen(command, stdout=full, stderr=full, **more), lambda: None
    reading, writing = os.pipe()
    if what == "full pipe":
        os.set_blocking(writing, False)
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(writing, b"." * 4096)
        os.set_blocking(writing, True)
        # Keep the reading end open without reading until the run ends, so that the pipe stays full.
        after.callback(os.close, reading)
    process = subprocess.Popen(command, stdout=writing, stderr=writing, **more)
    os.close(writing)
    if what == "reader gone":
        return process, lambda: os.close(reading)
    return process, lambda: None
