"""Readiness by polling: a thread runs the checks every half second.

`/health` tells what they found, and how old that is.
"""

import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from wallet_runtime.plumbing.errors import ApiError
from wallet_runtime.plumbing.runtime.context import Context
from wallet_runtime.plumbing.runtime.control_link import Report
from wallet_runtime.plumbing.runtime.loop import Loop

POLL_SECONDS = 0.5
POLL_AGE_SECONDS_MAX = 5.0
OK = "ok"

Check = Callable[[Context], str]


class Degraded(str):
    """A check's word for a fault that the process survives: `/health` tells it and answers 200."""

    __slots__ = ()


def check_database(context: Context) -> str:
    """Say "ok" when the database answers a statement."""
    with context.database.session() as session:
        session.one("health_database")
    return OK


class Health:
    """The health of a copy: the checks of its service and of its loops."""

    def __init__(
        self, context: Context, checks: Mapping[str, Check], loops: Sequence[Loop]
    ) -> None:
        """Know what to poll; nothing is polled before `start`."""
        self._context = context
        _confirm_names([loop.name for loop in loops], "loops are named")
        _confirm_names([name for loop in loops for name in loop.checks], "loops have the check")
        of_loops = {
            name: _without_context(check) for loop in loops for name, check in loop.checks.items()
        }
        self._checks = {"database": check_database, **checks, **of_loops}
        self._loops = tuple(loops)
        self._found = dict.fromkeys(self._checks, "not looked at yet")
        self._polled_at = time.monotonic()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="health", daemon=True)

    def start(self) -> None:
        """Begin to poll."""
        self._thread.start()

    def stop(self) -> None:
        """Stop polling; from here on the copy says that it is stopping."""
        self._stopping.set()

    def poll(self) -> None:
        """Run every check once."""
        for name, check in self._checks.items():
            self._found[name] = _outcome(check, self._context)
        self._polled_at = time.monotonic()

    def report(self) -> Report:
        """Return readiness and its figures at once, for the heartbeat in `control`."""
        answer = self.answer()
        told = ("status", "checks", "loops", "legacy_token_present", "code")
        return Report(answer["status"] != "failing", {name: answer[name] for name in told})

    def answer(self) -> dict[str, Any]:
        """Return the body of `/health`: its status is "ok", "degraded" (survived) or "failing"."""
        context, settings = self._context, self._context.settings
        checks = {
            **self._found,
            "control": context.control.check(),
            "stopping": "stopping" if self._stopping.is_set() else OK,
        }
        if time.monotonic() - self._polled_at > POLL_AGE_SECONDS_MAX:
            checks["looking"] = "the checks have not ended for more than 5 s"
        loops = {loop.name: loop.state() for loop in self._loops}
        red = [
            name
            for name, found in checks.items()
            if found != OK and not isinstance(found, Degraded)
        ]
        failing = bool(red) or not all(state.ok for state in loops.values())
        degraded = any(found != OK for found in checks.values()) or any(
            state.failures for state in loops.values()
        )
        freeze = context.control.freeze
        return {
            "process": settings.process,
            "copy": settings.copy,
            "version": settings.version,
            "pid": os.getpid(),
            "code": settings.code,
            "status": "failing" if failing else "degraded" if degraded else OK,
            # Plain texts: the encoder takes no subclass.
            "checks": {name: str(found) for name, found in checks.items()},
            "loops": {name: msgspec.to_builtins(state) for name, state in loops.items()},
            "freeze": {"level": freeze.level, "epoch": freeze.epoch},
            "legacy_token_present": settings.legacy_token_present,
        }

    def _run(self) -> None:
        while not self._stopping.is_set():
            self.poll()
            self._stopping.wait(POLL_SECONDS)


def _confirm_names(names: Sequence[str], what: str) -> None:
    """Raise ValueError for a name that stands twice: `/health` would tell one of the two."""
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"two {what} {', '.join(twice)}: one would hide the other")


def _without_context(check: Callable[[], str]) -> Check:
    return lambda _: check()


def _outcome(check: Check, context: Context) -> str:
    """Run one check; whatever it raises is its reason for being red."""
    try:
        return check(context)
    except ApiError as error:
        return error.message
    except Exception as error:
        return f"{type(error).__name__}"
