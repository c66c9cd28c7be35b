"""The supervisor stops groups of programs together and within a time limit.

After a kill of the supervisor, its programs are found and ended.
"""

import fcntl
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from rubyops.adapters.local import orphans
from rubyops.adapters.local.layout import HOME_LABEL, Program
from rubyops.adapters.local.supervisor import Supervisor
from rubyops.errors import LockLost, Refused, Unreachable

SLEEP = (sys.executable, "-c", "import time; time.sleep(600)")
LONG = "a-folder-whose-name-is-long-" * 4


def program(home: Path, name: str, command: tuple[str, ...] = SLEEP) -> Program:
    return Program(name, "platform", 30, command, {HOME_LABEL: str(home), "ODD": "50% of 'it'"})


@pytest.fixture
def home(homes: Path, request: pytest.FixtureRequest) -> Path:
    folder = homes / getattr(request, "param", "home")
    (folder / "logs").mkdir(parents=True)
    return folder


@pytest.fixture
def supervisor(home: Path) -> Iterator[Supervisor]:
    supervisor = Supervisor(home)
    yield supervisor
    supervisor.shutdown(supervisor.fence())
    orphans.end_orphans(home)


def until(supervisor: Supervisor, name: str, state: str) -> int:
    deadline = time.monotonic() + 15
    while (found := supervisor.states()[name]).state != state:
        assert time.monotonic() < deadline, found
        time.sleep(0.05)
    return found.pid


def launch(supervisor: Supervisor, programs: list[Program], token: int = 0) -> None:
    supervisor.launch(supervisor.configuration(programs, Path("/")))
    supervisor.start(programs, token)


@pytest.mark.parametrize("home", ["home", LONG], indirect=True)
def test_a_killed_program_comes_back_and_a_stopped_one_stays_away(
    home: Path, supervisor: Supervisor
) -> None:
    kept, other = program(home, "kept"), program(home, "other")
    launch(supervisor, [kept, other])
    first = until(supervisor, "kept", "running")
    os.kill(first, signal.SIGKILL)
    deadline = time.monotonic() + 15
    while supervisor.states()["kept"].pid in (0, first):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    supervisor.stop([other], 0)
    assert supervisor.states()["other"].pid == 0
    supervisor.start([kept, other], 0)
    until(supervisor, "other", "running")
    assert supervisor.shutdown(0)
    assert not supervisor.is_alive()
    with pytest.raises(Unreachable, match="does not answer"):
        supervisor.states()


def test_what_a_killed_supervisor_leaves_is_ended(home: Path, supervisor: Supervisor) -> None:
    launch(supervisor, [program(home, "orphan")])
    orphan = until(supervisor, "orphan", "running")
    pid = orphans.pid_in(home / "supervisor" / "supervisord.pid", str(home))
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    while orphans.is_alive(pid):
        time.sleep(0.02)
    assert orphans.is_alive(orphan)
    assert not supervisor.shutdown(0)
    assert orphans.end_orphans(home) == 1
    assert not orphans.is_alive(orphan)
    launch(supervisor, [program(home, "orphan")])
    until(supervisor, "orphan", "running")


@pytest.mark.slow
def test_a_program_that_ignores_the_signal_is_killed_within_the_bound(
    home: Path, supervisor: Supervisor
) -> None:
    stubborn = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
        "print('deaf', flush=True); time.sleep(600)"
    )
    launch(supervisor, [program(home, "deaf", (sys.executable, "-c", stubborn))])
    until(supervisor, "deaf", "running")
    began = time.monotonic()
    assert supervisor.shutdown(0)
    assert 9 < time.monotonic() - began < 14


def test_a_pid_file_of_another_program_is_not_believed(home: Path) -> None:
    file = home / "some.pid"
    file.write_text(f"{os.getpid()}\n")
    assert orphans.pid_in(file, "no-such-mark-in-our-command-line") is None
    file.write_text("nonsense")
    assert orphans.pid_in(file, "") is None


def test_the_highest_token_outlives_the_supervisor(home: Path, supervisor: Supervisor) -> None:
    supervisor.advance(5)  # no program runs yet
    kept = program(home, "kept")
    with pytest.raises(LockLost, match="4 was overtaken by 5"):
        supervisor.advance(4)
    supervisor.launch(supervisor.configuration([kept], Path("/")))
    with pytest.raises(LockLost, match="4 was overtaken by 5"):
        supervisor.start([kept], 4)
    supervisor.start([kept], 5)
    until(supervisor, "kept", "running")
    supervisor.advance(2**63 - 1)
    assert supervisor.shutdown(2**63 - 1)
    supervisor.launch(supervisor.configuration([kept], Path("/")))
    assert supervisor.fence() == 2**63 - 1
    with pytest.raises(LockLost):
        supervisor.start([kept], 5)
    assert supervisor.states()["kept"].pid == 0


def test_every_order_is_refused_to_a_lower_token(home: Path, supervisor: Supervisor) -> None:
    kept, other = program(home, "kept"), program(home, "other")
    launch(supervisor, [kept])
    pid = until(supervisor, "kept", "running")
    supervisor.advance(9)
    for act in (
        lambda: supervisor.stop([kept], 8),
        lambda: supervisor.shutdown(8),
        lambda: supervisor.advance(8),
    ):
        with pytest.raises(LockLost, match="8 was overtaken by 9"):
            act()
    assert supervisor.states()["kept"].pid == pid
    supervisor.stop([kept], 10)
    assert supervisor.fence() == 9, "an order raises no fence"
    assert other.name not in supervisor.states()


def test_a_writer_that_stands_still_keeps_others_from_writing(
    home: Path, supervisor: Supervisor
) -> None:
    supervisor.advance(5)
    with (home / "supervisor" / "fence.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(Refused, match="another process is writing"):
            supervisor.advance(6)
        launch(supervisor, [program(home, "kept")], 5)
        with pytest.raises(Refused, match="another process is writing"):
            supervisor.advance(6)
    supervisor.advance(6)
    assert supervisor.fence() == 6
