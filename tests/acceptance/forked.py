"""Processes of the toolkit, forked from one that has imported it.

Importing takes most of the processor time of a short line. Everything else is as in a process that
a shell starts: id, signals, variables, streams, exit code. `test_cli_cost`, `test_dry_run`,
`test_other_code` and `test_vanishing` start theirs from the command line.
"""

import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from typing import TextIO

from rubyops.config import CHECKOUT

_forking = multiprocessing.get_context("forkserver")
_forking.set_forkserver_preload(["tests.acceptance.preloaded"])
Act = Callable[..., int | None]


class Forked:
    """A process of its own that calls `act(*words)`, with pipes for its streams.

    It is used like a `subprocess.Popen` whose streams are text.
    """

    def __init__(self, act: Act, words: tuple[str, ...], environ: Mapping[str, str]) -> None:
        """Start it with these variables, and with `words` as its command line."""
        (out, out_end), (err, err_end) = _forking.Pipe(duplex=False), _forking.Pipe(duplex=False)
        self._process = _forking.Process(
            target=_begin, args=(act, words, dict(environ), out_end, err_end)
        )
        self._process.start()
        out_end.close()
        err_end.close()
        self.stdout, self.stderr = _text(out), _text(err)

    @property
    def pid(self) -> int:
        """The process id."""
        assert self._process.pid is not None
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """The exit code, the negative number of the signal that ended it, or None."""
        return self._process.exitcode

    def poll(self) -> int | None:
        """Return the exit code, or None while it lives."""
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send it a signal, unless it has ended."""
        if self.returncode is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it by force."""
        self.send_signal(signal.SIGKILL)

    def communicate(self, timeout: float) -> tuple[str, str]:
        """Wait for its end and return what it wrote. Raises `TimeoutExpired`, and then ends it."""
        with ThreadPoolExecutor(2) as readers, self.stdout, self.stderr:
            out, told = readers.submit(self.stdout.read), readers.submit(self.stderr.read)
            self._process.join(timeout)
            if self.returncode is None:
                self.kill()
                raise subprocess.TimeoutExpired(self._process.name, timeout)
            return out.result(), told.result()


def run_line(*words: str) -> int:
    """Be one line of rubyops."""
    from rubyops.cli.main import run

    return run(list(words))


def _text(pipe: Connection) -> TextIO:
    with pipe:
        return os.fdopen(os.dup(pipe.fileno()), encoding="utf-8")


def _begin(
    act: Act, words: tuple[str, ...], environ: dict[str, str], out: Connection, err: Connection
) -> None:
    for pipe, number in ((out, 1), (err, 2)):
        os.dup2(pipe.fileno(), number)
        pipe.close()
    # Python asked the streams before them whether they can be sought in.
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", buffering=1, closefd=False)  # noqa: SIM115
    os.environ.clear()
    os.environ.update(environ)
    os.chdir(CHECKOUT)
    sys.argv[1:] = words
    sys.exit(act(*words))
