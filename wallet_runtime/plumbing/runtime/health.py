"""Health of a process: a thread runs the checks every half second, `/health` shows the results."""

import os
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import msgspec

from wallet_runtime.plumbing.errors import ApiError
from wallet_runtime.plumbing.runtime.context import Context
from wallet_runtime.plumbing.runtime.control_link import Report
from wallet_runtime.plumbing.runtime.loop import Loop, LoopState

POLL_SECONDS = 0.5
POLL_AGE_SECONDS_MAX = 5.0
OK = "ok"

Check = Callable[[Context], str]


class Degraded(str):
    """A check's result for a fault that leaves the process ready: `/health` still answers 200."""

    __slots__ = ()


def check_database(context: Context) -> str:
    """Return "ok" if the database answers a statement; raise its error otherwise."""
    with context.database.session() as session:
        session.one("health_database")
    return OK


class Health:
    """The health of a process, by the checks of its service and of its loops."""

    def __init__(
        self, context: Context, checks: Mapping[str, Check], loops: Sequence[Loop]
    ) -> None:
        """Collect the checks; polling begins with `start`.

        Raises `ValueError` for two loops, or two checks of loops, with the same name.
        """
        self._context = context
        _confirm_names([loop.name for loop in loops], "loops are named")
        self._checks = {"database": check_database, **checks, **_checks_of(loops)}
        self._loops = tuple(loops)
        self._found = dict.fromkeys(self._checks, "not looked at yet")
        self._polled_at = time.monotonic()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="health", daemon=True)

    def start(self) -> None:
        """Start the polling thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stop polling; from now on the process reports that it is stopping, and is not ready."""
        self._stopping.set()

    def poll(self) -> None:
        """Run every check once."""
        for name, check in self._checks.items():
            self._found[name] = _outcome(check, self._context)
        self._polled_at = time.monotonic()

    def report(self) -> Report:
        """Return readiness and the last results of the checks, for the heartbeat in `control`."""
        answer = self.answer()
        told = ("status", "checks", "loops", "legacy_token_present", "code")
        return Report(answer["status"] != "failing", {name: answer[name] for name in told})

    def answer(self) -> dict[str, Any]:
        """Return the body of `/health`, whose status is "ok", "degraded" or "failing".

        A degraded process is ready; a failing one is not.
        """
        settings, freeze = self._context.settings, self._context.control.freeze
        checks = self._results()
        loops = {loop.name: loop.state() for loop in self._loops}
        return {
            "process": settings.process,
            "copy": settings.copy,
            "version": settings.version,
            "pid": os.getpid(),
            "code": settings.code,
            "status": _status(checks.values(), loops.values()),
            # `str` makes plain strings, because msgspec cannot encode `Degraded`.
            "checks": {name: str(found) for name, found in checks.items()},
            "loops": {name: msgspec.to_builtins(state) for name, state in loops.items()},
            "freeze": {"level": freeze.level, "epoch": freeze.epoch},
            "legacy_token_present": settings.legacy_token_present,
        }

    def _results(self) -> dict[str, str]:
        results = {
            **self._found,
            "control": self._context.control.check(),
            "stopping": "stopping" if self._stopping.is_set() else OK,
        }
        if time.monotonic() - self._polled_at > POLL_AGE_SECONDS_MAX:
            results["looking"] = "the checks have not ended for more than 5 s"
        return results

    def _run(self) -> None:
        while not self._stopping.is_set():
            self.poll()
            self._stopping.wait(POLL_SECONDS)


def _status(results: Collection[str], loops: Collection[LoopState]) -> str:
    if any(map(_is_red, results)) or not all(loop.ok for loop in loops):
        return "failing"
    has_fault = any(result != OK for result in results) or any(loop.failures for loop in loops)
    return "degraded" if has_fault else OK


def _is_red(result: str) -> bool:
    return result != OK and not isinstance(result, Degraded)


def _checks_of(loops: Sequence[Loop]) -> dict[str, Check]:
    _confirm_names([name for loop in loops for name in loop.checks], "loops have the check")
    return {name: _without_context(check) for loop in loops for name, check in loop.checks.items()}


def _confirm_names(names: Sequence[str], what: str) -> None:
    """Raise `ValueError` for a repeated name, because `/health` would show only one of the two."""
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"two {what} {', '.join(twice)}: one would hide the other")


def _without_context(check: Callable[[], str]) -> Check:
    return lambda _: check()


def _outcome(check: Check, context: Context) -> str:
    """Run one check; if it raises, return the error's text as the reason of the failure."""
    try:
        return check(context)
    except ApiError as error:
        return error.message
    except Exception as error:
        return f"{type(error).__name__}"
