"""The kept supervisor: groups stop together and within a bound, a killed supervisor's programs are found and ended."""

import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from rubyops.adapters.local import leftovers
from rubyops.adapters.local.layout import HOME_MARK, Program
from rubyops.adapters.local.supervisor import Supervisor
from rubyops.errors import Unreachable

SLEEP = (sys.executable, "-c", "import time; time.sleep(600)")
LONG = "a-folder-whose-name-is-long-" * 4


def program(home: Path, name: str, command: tuple[str, ...] = SLEEP) -> Program:
    return Program(name, "platform", 30, command, {HOME_MARK: str(home), "ODD": "50% of 'it'"})


@pytest.fixture
def home(homes: Path, request: pytest.FixtureRequest) -> Path:
    folder = homes / getattr(request, "param", "home")
    (folder / "logs").mkdir(parents=True)
    return folder


@pytest.fixture
def supervisor(home: Path) -> Iterator[Supervisor]:
    supervisor = Supervisor(home)
    yield supervisor
    supervisor.shutdown(0)
    leftovers.end_leftovers(home)


def until(supervisor: Supervisor, name: str, state: str) -> int:
    deadline = time.monotonic() + 15
    while (found := supervisor.states()[name]).state != state:
        assert time.monotonic() < deadline, found
        time.sleep(0.05)
    return found.pid


def launch(supervisor: Supervisor, programs: list[Program]) -> None:
    supervisor.launch(supervisor.configuration(programs, Path("/")))
    supervisor.start(programs, 0)


@pytest.mark.parametrize("home", ["home", LONG], indirect=True)
def test_a_killed_program_comes_back_and_a_stopped_one_stays_away(home: Path, supervisor: Supervisor) -> None:
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
    pid = leftovers.pid_in(home / "supervisor" / "supervisord.pid", str(home))
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    while leftovers.is_alive(pid):
        time.sleep(0.02)
    assert leftovers.is_alive(orphan)
    assert not supervisor.shutdown(0)
    assert leftovers.end_leftovers(home) == 1
    assert not leftovers.is_alive(orphan)
    launch(supervisor, [program(home, "orphan")])
    until(supervisor, "orphan", "running")


@pytest.mark.slow
def test_a_program_that_ignores_the_signal_is_killed_within_the_bound(home: Path, supervisor: Supervisor) -> None:
    stubborn = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)"
    launch(supervisor, [program(home, "deaf", (sys.executable, "-c", stubborn))])
    until(supervisor, "deaf", "running")
    began = time.monotonic()
    assert supervisor.shutdown(0)
    assert 9 < time.monotonic() - began < 14


def test_a_pid_file_of_another_program_is_not_believed(home: Path) -> None:
    file = home / "some.pid"
    file.write_text(f"{os.getpid()}\n")
    assert leftovers.pid_in(file, "no-such-mark-in-our-command-line") is None
    file.write_text("nonsense")
    assert leftovers.pid_in(file, "") is None
