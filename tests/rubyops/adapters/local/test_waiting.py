"""Every wait of the driver reacts to a stop request and says why it waits.

The last test fails for a new loop that sleeps by itself.
"""

import ast
import fcntl
import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from rubyops import config
from rubyops.adapters.local import orphans, up_lock, waiting
from rubyops.adapters.local.driver import LocalDriver
from rubyops.adapters.local.layout import HOME_LABEL, Program
from rubyops.adapters.local.liveness import await_live
from rubyops.adapters.local.servers import Postgres, Valkey
from rubyops.adapters.local.supervisor import Supervisor
from rubyops.adapters.local.waiting import Waiting
from rubyops.errors import Interrupted
from rubyops.model.exit_code import ExitCode
from tests.rubyops.adapters.peers import silent

pytestmark = pytest.mark.fault
DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
PROGRAM = Program("deaf", "platform", 30, (sys.executable, "-c", DEAF), {})
SLEEPERS = {"waiting.py"}


def stop() -> None:
    raise Interrupted


@pytest.fixture
def wished() -> Waiting:
    """A `Waiting` that has a pending stop request."""
    made = Waiting()
    made.hear = stop
    return made


@contextmanager
def held(home: Path) -> Iterator[None]:
    """Hold the lock that another rubyops holds while it starts or stops the environment."""
    home.mkdir(exist_ok=True)
    with (home / "up.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def test_the_wait_for_another_rubyops_is_heard(
    homes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(up_lock, "LOCK_SECONDS", 1.0)
    driver = LocalDriver(config.environment("local"))
    driver.listen(stop, lambda words: None)
    with held(homes / "local"):
        for act in (driver.down, lambda: driver.ensure_up(lambda words: None)):
            with pytest.raises(Interrupted):
                act()


def test_the_wait_for_a_server_is_heard(wished: Waiting, tmp_path: Path) -> None:
    with silent() as port:
        for server in (Postgres(tmp_path, tmp_path, port), Valkey(tmp_path, tmp_path, port)):
            with pytest.raises(Interrupted):
                server.await_ready("word", 6, wished)


def test_the_wait_for_copies_is_heard(wished: Waiting, tmp_path: Path) -> None:
    """A stop request ends the wait even within one poll of copies that hang."""
    with silent() as port, pytest.raises(Interrupted):
        await_live(Supervisor(tmp_path), tmp_path, {"x": f"http://127.0.0.1:{port}"}, wished)


@pytest.mark.slow
def test_the_wait_for_the_end_of_programs_is_heard(wished: Waiting, homes: Path) -> None:
    """A stop request ends the wait for programs; the supervisor still carries out its order."""
    home = homes / "home"
    (home / "logs").mkdir(parents=True)
    kept = Supervisor(home)
    variables = {HOME_LABEL: str(home)}
    program = Program(PROGRAM.name, PROGRAM.group, 30, PROGRAM.command, variables)
    try:
        kept.launch(kept.configuration([program], Path("/")))
        kept.start([program], 0)
        assert Waiting().until(lambda: kept.states()["deaf"].state == "running", 15, "it", 0.05)
        impatient = Supervisor(home, waiting=wished)
        with pytest.raises(Interrupted):
            impatient.stop([program], 0)
        assert kept.states()["deaf"].state == "stopping"
        with pytest.raises(Interrupted):
            impatient.shutdown(0)
        assert not kept.is_alive()
        assert kept.shutdown(0)
        assert orphans.alive(home) == []
    finally:
        kept.shutdown(0)
        orphans.end_orphans(home)


def test_a_wait_says_its_bound_and_what_it_waits_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "TOLD_SECONDS", 0.0)
    monkeypatch.setattr(waiting, "AGAIN_SECONDS", 0.0)
    words, looks = list[str](), iter([False, False, True])
    patient = Waiting()
    patient.say = words.append
    assert patient.until(lambda: next(looks), 60, "the end", 0.01)
    assert words == ["waiting for the end (0 s, at most 60 s)"] * 2
    assert not patient.until(lambda: False, 0.05, "nothing", 0.01)


@pytest.mark.parametrize(("line", "state"), [("down", None), ("up", "stopped")])
def test_ctrl_c_ends_a_wait_of_a_line(homes: Path, line: str, state: str | None) -> None:
    command = (sys.executable, "-m", "rubyops", line)
    with held(homes / "local"):
        run = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        assert run.stderr is not None
        try:
            said = ""
            while "waiting for another rubyops" not in said:
                assert select.select([run.stderr], [], [], 60)[0], said
                piece = os.read(run.stderr.fileno(), 65536).decode()
                assert piece, said
                said += piece
            run.send_signal(signal.SIGINT)
            assert run.wait(30) == ExitCode.INTERRUPTED
        finally:
            run.kill()
            run.communicate()
    ends = [json.loads(path.read_text().splitlines()[-1]) for path in homes.rglob("r-*.ndjson")]
    assert [end.get("state") for end in ends] == ([state] if state else [])


def sleeping(text: str) -> bool:
    return any(
        isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] == "sleep"
        for node in ast.walk(ast.parse(text))
    )


def test_no_other_part_of_the_driver_waits_by_itself() -> None:
    modules = (config.CHECKOUT / "rubyops" / "adapters" / "local").glob("*.py")
    found = {path.name for path in modules if sleeping(path.read_text(encoding="utf-8"))}
    assert found == SLEEPERS
    assert sleeping("while True:\n    time.sleep(1)")
