"""Lost output never ends a run, but data that cannot be written is a failure.

Most tests start a rubyops process. The run is `gate` on an environment that was never started: it
checks one gate, fails at the second, and must write that to its journal.
"""

import contextlib
import errno
import fcntl
import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import click
import pytest

from rubyops.cli import channel, live, main
from rubyops.cli.channel import LINE_SECONDS, Channel
from rubyops.cli.console import Console
from rubyops.model.exit_code import ExitCode
from tests.full_disk import full_disk
from tests.signals import answered

GATE = (sys.executable, "-m", "rubyops", "gate")
LIST = (sys.executable, "-m", "rubyops", "playbook", "list")
GATE_ENDS = ExitCode.UNREACHABLE
pytestmark = pytest.mark.fault


def environ(home: Path, **more: str) -> dict[str, str]:
    return {**os.environ, "RUBYOPS_HOME": str(home), **more}


def start(command: tuple[str, ...], home: Path, **options: Any) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(command, env=environ(home), **options)


def lines(home: Path) -> list[dict[str, Any]]:
    """The complete lines of the only journal; empty if there is no journal yet."""
    journals = list(home.rglob("r-*.ndjson"))
    whole = journals[0].read_text().rpartition("\n")[0] if journals else ""
    return [json.loads(line) for line in whole.splitlines()]


def last_line(home: Path) -> dict[str, Any] | None:
    """The last complete line of the only journal; None if there is no journal yet."""
    return whole[-1] if (whole := lines(home)) else None


def ended(home: Path) -> dict[str, Any]:
    """The last line of the only journal, which must exist."""
    line = last_line(home)
    assert line is not None
    return line


def assert_the_run_is_whole(home: Path, exit_code: int = GATE_ENDS) -> None:
    last = ended(home)
    assert (last["type"], last["exit_code"]) == ("run_finished", exit_code)


@contextlib.contextmanager
def full_pipe() -> Iterator[BinaryIO]:
    """Yield the writing end of a full pipe that nobody reads."""
    reading, writing = os.pipe()
    size = fcntl.fcntl(writing, fcntl.F_GETPIPE_SZ)
    os.write(writing, b"x" * size)
    assert not select.select([], [writing], [], 0)[1]
    with open(reading, "rb"), open(writing, "wb", buffering=0) as pipe:
        yield pipe


# --- commands that run steps


@pytest.mark.parametrize("output", ["text", "json", "ndjson"])
def test_a_full_disk_does_not_end_a_run(tmp_path: Path, output: str) -> None:
    with open("/dev/full", "wb") as full:
        run = start((*GATE, "--output", output), tmp_path, stdout=full, stderr=subprocess.PIPE)
        told = run.communicate(timeout=60)[1].decode()
    assert run.returncode == GATE_ENDS
    assert "stdout cannot be written (No space left on device)" in told
    assert "RECAP" in told
    assert_the_run_is_whole(tmp_path)


def test_two_full_disks_do_not_end_a_run(tmp_path: Path) -> None:
    with open("/dev/full", "wb") as full:
        run = start(GATE, tmp_path, stdout=full, stderr=full)
        assert run.wait(60) == GATE_ENDS
    assert_the_run_is_whole(tmp_path)


@pytest.mark.parametrize("output", ["text", "json", "ndjson"])
def test_a_pipe_that_nobody_reads_does_not_hold_a_run(tmp_path: Path, output: str) -> None:
    with full_pipe() as pipe:
        began = time.monotonic()
        run = start((*GATE, "--output", output), tmp_path, stdout=pipe, stderr=pipe)
        assert run.wait(60) == GATE_ENDS
        assert time.monotonic() - began < 20
    assert_the_run_is_whole(tmp_path)


def test_a_run_goes_on_before_its_reader_does(tmp_path: Path) -> None:
    """A reader that comes late still gets every line, in order."""
    with full_pipe() as pipe:
        run = start(GATE, tmp_path, stdout=pipe, stderr=subprocess.PIPE)
        deadline = time.monotonic() + 30
        while (last_line(tmp_path) or {}).get("type") != "run_finished":
            assert time.monotonic() < deadline
            time.sleep(0.1)
        with open(f"/proc/{os.getpid()}/fd/{pipe.fileno()}", "rb") as reading:
            pipe.close()
            told = reading.read().lstrip(b"x").decode()
        assert run.wait(30) == GATE_ENDS
        run.communicate()
    begun = [line["step"] for line in lines(tmp_path) if line["type"] == "step_started"]
    assert re.findall(r"\[(\d+)/10]", told) == [step.removeprefix("gate-0") for step in begun]


def test_a_reader_that_leaves_does_not_end_a_run(tmp_path: Path) -> None:
    run = start(GATE, tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert run.stdout is not None
    run.stdout.close()
    assert run.stderr is not None
    told = run.stderr.read().decode()
    assert run.wait(60) == GATE_ENDS
    run.stderr.close()
    assert "cannot be written" not in told, "it left of its own will"
    assert_the_run_is_whole(tmp_path)


def test_closed_descriptors_do_not_end_a_run(tmp_path: Path) -> None:
    line = f"exec {' '.join(GATE)} <&- >&- 2>&-"
    done = subprocess.run(["bash", "-c", line], env=environ(tmp_path), check=False, timeout=60)
    assert done.returncode == GATE_ENDS
    assert_the_run_is_whole(tmp_path)
    (journal,) = tmp_path.rglob("r-*.ndjson")
    assert all(json.loads(text)["seq"] for text in journal.read_text().splitlines())


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp437"])
def test_signs_that_cannot_be_encoded_do_not_end_a_run(tmp_path: Path, encoding: str) -> None:
    for output in ("text", "json"):
        home = tmp_path / output
        run = subprocess.run(
            [*GATE, "--output", output],
            env=environ(home, PYTHONIOENCODING=encoding),
            capture_output=True,
            check=False,
            timeout=60,
        )
        assert run.returncode == GATE_ENDS, run.stderr
        assert_the_run_is_whole(home)
    assert json.loads(run.stdout.decode(encoding))["exit_code"] == GATE_ENDS
    assert b"RECAP" in run.stderr


class Terminal:
    """A terminal whose master the test holds, and a run that is paused before its second step."""

    def __init__(self, home: Path) -> None:  # noqa: D107
        self._home = home
        self.master, slave = pty.openpty()
        self.run = subprocess.Popen(
            GATE,
            env=environ(home, RUBYOPS_FAILPOINT="pause-before:gate-02"),
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(slave, termios.TIOCSCTTY, 0),  # noqa: PLW1509
        )
        os.close(slave)

    def until_it_stands(self) -> None:
        stat = Path(f"/proc/{self.run.pid}/stat")
        deadline = time.monotonic() + 30
        while stat.read_text().rpartition(")")[2].split()[0] != "T":
            assert time.monotonic() < deadline
            with contextlib.suppress(OSError):
                if select.select([self.master], [], [], 0.05)[0]:
                    os.read(self.master, 65536)

    def go_on(self) -> int:
        # A hang-up of the terminal continues a suspended run. A run that ignores it needs this
        # signal.
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.run.pid, signal.SIGCONT)
        return self.run.wait(60)


def steps_of(playbook: str) -> list[str]:
    from rubyops import bootstrap

    return [step.id for step in bootstrap.playbook(playbook).steps]


def test_the_step_that_the_terminal_tests_name_exists() -> None:
    assert "gate-02" in steps_of("gate")


def test_a_terminal_that_closes_stops_the_run_at_its_next_safe_point(tmp_path: Path) -> None:
    with answered(signal.SIGHUP, signal.SIG_DFL):
        terminal = Terminal(tmp_path)
    terminal.until_it_stands()
    os.close(terminal.master)
    assert terminal.go_on() == ExitCode.TERMINATED
    assert (ended(tmp_path)["type"], ended(tmp_path)["state"]) == ("run_finished", "stopped")


def test_a_run_that_was_started_by_nohup_outlives_its_terminal(tmp_path: Path) -> None:
    with answered(signal.SIGHUP, signal.SIG_IGN):
        terminal = Terminal(tmp_path)
    terminal.until_it_stands()
    os.close(terminal.master)
    assert terminal.go_on() == GATE_ENDS
    assert_the_run_is_whole(tmp_path)


# --- commands that print data


@pytest.mark.parametrize(
    "line",
    [LIST, (*LIST, "--output", "json"), (*LIST, "--output", "ndjson"), (*LIST[:3], "--help")],
)
def test_data_that_cannot_be_written_is_a_failure(tmp_path: Path, line: tuple[str, ...]) -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            line,
            stdout=full,
            stderr=subprocess.PIPE,
            env=environ(tmp_path),
            check=False,
            timeout=60,
        )
    assert done.returncode == ExitCode.FAILED
    assert b"stdout cannot be written (No space left on device)" in done.stderr
    assert b"Traceback" not in done.stderr


def test_a_failure_keeps_its_own_code_without_output(tmp_path: Path) -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [*LIST[:3], "status"],
            stdout=full,
            stderr=full,
            env=environ(tmp_path),
            check=False,
            timeout=60,
        )
        usage = subprocess.run(
            [*LIST[:3], "no-such"],
            stdout=full,
            stderr=full,
            env=environ(tmp_path),
            check=False,
            timeout=60,
        )
    assert (done.returncode, usage.returncode) == (ExitCode.UNREACHABLE, ExitCode.USAGE)


def test_data_waits_for_a_slow_reader(tmp_path: Path) -> None:
    with full_pipe() as pipe:
        run = start(LIST, tmp_path, stdout=pipe, stderr=subprocess.PIPE)
        with pytest.raises(subprocess.TimeoutExpired):
            run.wait(3 * LINE_SECONDS + 1)
        with open(f"/proc/{os.getpid()}/fd/{pipe.fileno()}", "rb") as reading:
            pipe.close()
            told = reading.read()
        assert run.wait(30) == ExitCode.DONE
        run.communicate()
    assert b"rollout-local" in told


def test_a_reader_that_leaves_ends_data_quietly(tmp_path: Path) -> None:
    run = start(LIST, tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert run.stdout is not None
    run.stdout.close()
    assert run.stderr is not None
    assert run.stderr.read() == b""
    assert run.wait(60) == ExitCode.DONE
    run.stderr.close()


# --- in this process


def test_what_an_encoding_lacks_is_still_exact_in_json(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    said = {"word": "naïve ✔ · €", "odd": "\udc80"}
    with (tmp_path / "out").open("w", encoding="ascii") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        Console("json").answer(said)
    assert json.loads((tmp_path / "out").read_text(encoding="ascii")) == said


def test_what_click_prints_is_encoded_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with (tmp_path / "out").open("w", encoding="latin-1") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        channel.prepare()
        click.echo("✔ naïve · 5 €")
    assert (tmp_path / "out").read_text(encoding="latin-1") == "ok naïve · 5 \\u20ac\n"


def test_a_closed_stream_is_remembered(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    stream = (tmp_path / "out").open("w")
    stream.close()
    monkeypatch.setattr(sys, "stdout", stream)
    closed = Channel("stdout", str)
    closed.write("x")
    assert isinstance(closed.lost, ValueError)
    closed.write("y")


def test_lines_over_the_limit_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rubyops.cli.channel.LINES_KEPT", 3)
    monkeypatch.setattr("rubyops.cli.channel.LINE_SECONDS", 0.2)
    with full_pipe() as pipe:
        stream = open(os.dup(pipe.fileno()), "w", encoding="utf-8")  # noqa: SIM115
        monkeypatch.setattr(sys, "stderr", stream)
        full = Channel("stderr", lambda lines: f"{lines} missed")
        full.follow()
        for number in range(10):
            full.write(f"line {number}")
        with open(f"/proc/{os.getpid()}/fd/{pipe.fileno()}", "rb", buffering=0) as reading:
            pipe.close()
            told = b""
            while b"missed" not in told:
                told += reading.read(65536)
        stream.close()
    words = told.decode().lstrip("x").splitlines()
    assert words == ["line 0", "line 1", "line 2", "line 3", "6 missed"]


def test_a_sign_of_life_comes_while_the_plan_is_made(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(live, "HEARTBEAT_SECONDS", 0.05)
    following = live.Live(Console("text"), "local")
    time.sleep(0.3)
    assert "still at making the plan" in capsys.readouterr().err
    with following.waiting_for_a_person():
        time.sleep(0.1)
        capsys.readouterr()
        time.sleep(0.2)
        assert capsys.readouterr().err == ""
    following._moving.clear()


def test_a_full_disk_under_a_file_is_not_told_as_a_lost_stdout(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A write error of a state file is reported as such, not as lost output."""

    @click.command()
    def write() -> None:
        with full_disk(), (tmp_path / "state").open("wb", buffering=0) as file:
            file.write(b"x")

    monkeypatch.setattr(main, "cli", write)
    assert main.run([]) == ExitCode.FAILED
    told = capfd.readouterr().err
    assert "a file cannot be written (File too large)" in told
    assert "stdout" not in told


def test_an_error_that_is_of_no_disk_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    @click.command()
    def fail() -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(main, "cli", fail)
    with pytest.raises(OSError, match="Input/output error"):
        main.run([])
