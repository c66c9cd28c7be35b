"""Runs another program until it ends, within a time limit."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence

from rubyops.errors import TimedOut

KILL_SECONDS = 5.0
VERSION_SECONDS = 10.0


def run_program(
    command: Sequence[str],
    seconds: float,
    *,
    user: str | None = None,
    env: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Return the exit code and the output of a program. Raises `TimedOut` after killing it.

    The program gets a session of its own, so that a kill also reaches its children.
    """
    program = _begin(command, user, env)
    try:
        told, complained = program.communicate(timeout=seconds)
    except BaseException as fault:
        _kill(program)
        if isinstance(fault, subprocess.TimeoutExpired):
            raise TimedOut(f"{command[0]} did not end within {seconds:g} s.") from fault
        raise
    return subprocess.CompletedProcess(command, program.returncode, told, complained)


def _begin(
    command: Sequence[str], user: str | None, env: Mapping[str, str] | None
) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        command,
        user=user,
        env=env,
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def _kill(program: "subprocess.Popen[str]") -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(program.pid, signal.SIGKILL)
    try:
        program.communicate(timeout=KILL_SECONDS)
    except subprocess.TimeoutExpired:
        # A child with another session keeps the pipes open. Close them instead of waiting for it.
        for pipe in filter(None, (program.stdout, program.stderr)):
            pipe.close()
