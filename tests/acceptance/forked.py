"""Runs rubyops in processes that are forked from a process which has already imported it.

The import takes most of the CPU time of a short command. In everything else (id, signals,
environment variables, streams, exit code) a forked process is like one that a shell starts.
`test_cli_cost`, `test_dry_run`, `test_other_code` and `test_vanishing` start rubyops as a shell
does.
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
    """A forked process that calls `act(*words)`, with pipes for stdout and stderr.

    The tests use the process like a `subprocess.Popen` in text mode.
    """

    def __init__(self, act: Act, words: tuple[str, ...], environ: Mapping[str, str]) -> None:
        """Start the process with the variables `environ` and the command line `words`."""
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
        """The exit code, the negative number of the signal that ended the process, or None."""
        return self._process.exitcode

    def poll(self) -> int | None:
        """The exit code, or None while the process runs."""
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send the process a signal, unless the process has ended."""
        if self.returncode is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """Send SIGKILL to the process."""
        self.send_signal(signal.SIGKILL)

    def communicate(self, timeout: float) -> tuple[str, str]:
        """Wait until the process ends, and return its stdout and stderr.

        After `timeout` seconds, kills the process and raises `TimeoutExpired`.
        """
        with ThreadPoolExecutor(2) as readers, self.stdout, self.stderr:
            out, told = readers.submit(self.stdout.read), readers.submit(self.stderr.read)
            self._process.join(timeout)
            if self.returncode is None:
                self.kill()
                raise subprocess.TimeoutExpired(self._process.name, timeout)
            return out.result(), told.result()


def run_line(*words: str) -> int:
    """Run one rubyops command in this process and return its exit code."""
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
    # Python cached whether the earlier descriptors 1 and 2 were seekable, so open new streams.
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", buffering=1, closefd=False)  # noqa: SIM115
    os.environ.clear()
    os.environ.update(environ)
    os.chdir(CHECKOUT)
    sys.argv[1:] = words
    sys.exit(act(*words))
