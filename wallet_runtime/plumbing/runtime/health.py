"""Readiness by looking: a thread runs the checks every half second, `/health` tells what it found and how old that is."""

import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
from starlette.types import Receive, Scope, Send

from wallet_runtime.plumbing.errors import ApiError
from wallet_runtime.plumbing.http import auth
from wallet_runtime.plumbing.http.envelope import send_answer
from wallet_runtime.plumbing.runtime.context import Context
from wallet_runtime.plumbing.runtime.control_link import Report
from wallet_runtime.plumbing.runtime.loop import Loop

LOOK_SECONDS = 0.5
LOOK_AGE_SECONDS_MAX = 5.0
OK = "ok"
TOLD_TO_ALL = ("process", "status")

Check = Callable[[Context], str]


class Degraded(str):
    """What a check says of a fault that the process survives: told in `/health`, which still answers 200."""

    __slots__ = ()


def check_database(context: Context) -> str:
    """Say "ok" when the database answers a statement."""
    with context.database.session() as session:
        session.one("health_database")
    return OK


class Health:
    """What a copy knows of itself; also the ASGI application of `/health`, which never waits for a database."""

    def __init__(
        self, context: Context, checks: Mapping[str, Check], loops: Sequence[Loop]
    ) -> None:
        """Know what to look at; nothing is looked at before `start`."""
        self._context = context
        self._checks = {"database": check_database, **checks}
        self._loops = tuple(loops)
        self._found = dict.fromkeys(self._checks, "not looked at yet")
        self._looked_at = time.monotonic()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="health", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Stop looking; from here on the copy says that it is stopping."""
        self._stopping.set()

    def look(self) -> None:
        """Run every check once."""
        for name, check in self._checks.items():
            self._found[name] = _outcome(check, self._context)
        self._looked_at = time.monotonic()

    def report(self) -> Report:
        """Return readiness and its figures at once, for the heartbeat in `control`."""
        answer = self.answer()
        told = ("status", "checks", "loops", "legacy_token_present", "code")
        return Report(answer["status"] != "failing", {name: answer[name] for name in told})

    def answer(self) -> dict[str, Any]:
        """Return the body of `/health`; status is "ok", "degraded" (a fault that is survived so far) or "failing"."""
        context, settings = self._context, self._context.settings
        checks = {
            **self._found,
            "control": context.control.check(),
            "stopping": "stopping" if self._stopping.is_set() else OK,
        }
        if time.monotonic() - self._looked_at > LOOK_AGE_SECONDS_MAX:
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

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer `GET /health`: 200, or 503 when failing; to a caller without credentials the status alone."""
        answer = self.answer()
        if not auth.may_observe(self._context.settings, scope["headers_read"]):
            answer = {name: answer[name] for name in TOLD_TO_ALL}
        await send_answer(
            scope,
            send,
            503 if answer["status"] == "failing" else 200,
            msgspec.json.encode(answer),
            {},
        )

    def _run(self) -> None:
        while not self._stopping.is_set():
            self.look()
            self._stopping.wait(LOOK_SECONDS)


def _outcome(check: Check, context: Context) -> str:
    """Run one check; whatever it raises is its reason for being red."""
    try:
        return check(context)
    except ApiError as error:
        return error.message
    except Exception as error:
        return f"{type(error).__name__}"
