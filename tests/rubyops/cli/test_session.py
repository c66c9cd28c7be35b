"""Everything that stops a run also ends the question for the environment's name at once.

Each test starts a process on its own terminal. The run is `rollout local` on an environment that
was never started and that requires a confirmation.
"""

import contextlib
import fcntl
import os
import pty
import signal
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rubyops.model.exit_code import ExitCode
from tests.signals import answered

ROLLOUT = (sys.executable, "-m", "rubyops", "rollout", "local", "-e", "careful")
ENVIRONMENTS = """\
schema: rubyops.environments/v1
environments:
  careful: {kind: local, driver: local, topology: RUBY_SPLIT_V1, copies: 1, seed_players: 10}
"""
QUESTION = "Only the name of the environment is accepted"
SECONDS_MAX = 30
pytestmark = pytest.mark.fault


class Asked:
    """A run that waits at the question, and the master of its terminal."""

    def __init__(self, home: Path) -> None:  # noqa: D107
        environments = home / "environments.yaml"
        environments.write_text(ENVIRONMENTS, encoding="utf-8")
        self.master, slave = pty.openpty()
        self.told = ""
        self.run = subprocess.Popen(
            ROLLOUT,
            env={
                **os.environ,
                "RUBYOPS_HOME": str(home),
                "RUBYOPS_ENVIRONMENTS": str(environments),
            },
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(slave, termios.TIOCSCTTY, 0),  # noqa: PLW1509
        )
        os.close(slave)
        while QUESTION not in self.told:
            self._read()

    def press_ctrl_c(self) -> None:
        os.write(self.master, b"\x03")

    def terminate(self) -> None:
        self.run.send_signal(signal.SIGTERM)

    def hang_up(self) -> None:
        os.close(self.master)
        self.master = -1

    def end(self) -> int:
        """Wait for the end of the run, read its remaining output, and return its exit code."""
        code = self.run.wait(SECONDS_MAX)
        with contextlib.suppress(OSError):
            while self.master >= 0:
                self._read()
        return code

    def _read(self) -> None:
        self.told += os.read(self.master, 65536).decode()


@pytest.fixture
def asked(tmp_path: Path) -> Iterator[Asked]:
    with answered(signal.SIGHUP, signal.SIG_DFL):
        made = Asked(tmp_path)
    yield made
    made.run.kill()
    made.run.wait()
    if made.master >= 0:
        os.close(made.master)


@pytest.mark.parametrize(
    ("stop", "code"),
    [
        (Asked.press_ctrl_c, ExitCode.INTERRUPTED),
        (Asked.terminate, ExitCode.TERMINATED),
        (Asked.hang_up, ExitCode.TERMINATED),
    ],
)
def test_a_stop_ends_the_question_at_once(
    asked: Asked, stop: Callable[[Asked], None], code: ExitCode, tmp_path: Path
) -> None:
    stop(asked)
    assert asked.end() == code
    if stop is not Asked.hang_up:
        assert "stopped at the question; nothing was changed" in asked.told
        assert "next safe point" not in asked.told
    assert list(tmp_path.rglob("r-*.ndjson")) == []


def test_what_is_typed_is_the_answer(asked: Asked, tmp_path: Path) -> None:
    """A signal without a handler, such as SIGWINCH, ends no question."""
    asked.run.send_signal(signal.SIGWINCH)
    os.write(asked.master, "caréful\n".encode())
    assert asked.end() == ExitCode.REFUSED
    assert "'caréful' is not 'careful'; nothing was changed" in asked.told
    assert list(tmp_path.rglob("r-*.ndjson")) == []


def test_an_end_of_input_is_no_answer(asked: Asked) -> None:
    os.write(asked.master, b"\x04")
    assert asked.end() == ExitCode.REFUSED
    assert "'' is not 'careful'; nothing was changed" in asked.told
