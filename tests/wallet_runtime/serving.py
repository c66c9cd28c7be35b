"""A service on a real socket for one test, with uvicorn in a thread.

Stubs stand for the other services.
"""

import hashlib
import hmac
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import psycopg
import uvicorn

from tests.cluster import TestDatabase
from wallet_runtime.contract import persons
from wallet_runtime.contract import secrets as names
from wallet_runtime.contract.freeze import OPEN
from wallet_runtime.contract.headers import (
    BRAND_HEADER,
    CALLER_HEADER,
    FENCE_HEADER,
    PROVIDER_HEADER,
    PROVIDER_SIGNATURE_HEADER,
    REQUEST_ID_HEADER,
    TOKEN_HEADER,
)
from wallet_runtime.contract.persons import Act, Person
from wallet_runtime.contract.processes import CALLERS, OPERATOR, PROCESSES
from wallet_runtime.contract.processes import OBSERVER as OBSERVER_CALLER
from wallet_runtime.contract.providers import PROVIDERS
from wallet_runtime.contract.routes import ROUTE_CALLERS
from wallet_runtime.contract.secrets import PROVIDER_SECRET_PREFIX
from wallet_runtime.plumbing.errors import PassedThrough
from wallet_runtime.plumbing.http.app import Answer, Call, Route, Service, build_app
from wallet_runtime.plumbing.runtime.context import Context, open_context
from wallet_runtime.plumbing.runtime.control_link import Freeze
from wallet_runtime.plumbing.runtime.health import Health
from wallet_runtime.plumbing.runtime.settings import read_settings

BRAND = UUID("0f8fad5b-d9cb-469f-a165-70867728950e")
PLAYER = UUID("7c9e6679-7425-40de-944b-e07fc1f90ae7")
NO_SERVER = "postgresql://nobody@127.0.0.1:1/nothing"
START_SECONDS_MAX = 10.0
REPOSITORY = Path(__file__).parents[2]


def environment_for(
    process: str, port: int, platform: str = NO_SERVER, control: str = NO_SERVER, **more: str
) -> dict[str, str]:
    """Return the environment of a process, with a token for each caller.

    The URLs of other services lead to a closed port.
    """
    tokens = {names.token(caller): f"token-of-{caller}" for caller in CALLERS}
    urls = {f"{name.upper()}_URL": "http://127.0.0.1:1" for name in PROCESSES}
    secrets = {f"{PROVIDER_SECRET_PREFIX}{name.upper()}": f"secret-of-{name}" for name in PROVIDERS}
    keys = {
        f"{persons.PERSON_KEY_PREFIX}{name.upper()}": f"person-key-of-{name}"
        for name in persons.COUNTING_PROCESSES
    }
    return {
        **tokens,
        **keys,
        **urls,
        **secrets,
        "ENVIRONMENT": "test",
        "PORT": str(port),
        "COPY": "1",
        "DATABASE_URL": platform,
        "CONTROL_DATABASE_URL": control,
        "REDIS_URL": "redis://127.0.0.1:1/0",
        "MULTI_BRAND_ENFORCEMENT": "enforce",
        "PLAYER_SESSION_KEY": "session-key",
        "ADMIN_TOKEN_ANN": "admin-token",
        "ADMIN_TOKEN_BOB": "token-of-bob",
        **more,
    }


def free_port() -> int:
    """Return a free TCP port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class Served:
    """A running service: its context, and a client with the service's URL."""

    context: Context
    client: httpx.Client

    def freeze(self, level: str, epoch: int = 1) -> None:
        """Set the freeze level of this copy, because no link to `control` runs in tests."""
        self.context.control._freeze = Freeze(level, epoch)


@contextmanager
def serving(
    service: Service, platform: TestDatabase | None = None, **more: str
) -> Iterator[Served]:
    """Serve a service at freeze level "open", with the database role of its process."""
    port = free_port()
    database = NO_SERVER if platform is None else platform.dsn(service.process)
    context = open_context(
        read_settings(service.process, environment_for(service.process, port, database, **more))
    )
    health = Health(context, service.checks, ())
    config = uvicorn.Config(
        build_app(service, context, health),
        port=port,
        lifespan="off",
        log_config=None,
        loop="asyncio",
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    # The tests use plain HTTP, and loading the system's certificates takes longer than their calls.
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10, verify=False) as client:
        await_until(lambda: server.started)
        served = Served(context, client)
        served.freeze(OPEN, 0)
        try:
            yield served
        finally:
            server.should_exit = True
            thread.join(10)
            context.close()


def await_until(condition: Any, seconds: float = START_SECONDS_MAX) -> None:
    """Poll until the condition holds, or fail after so many seconds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "the awaited state did not come in time"
        time.sleep(0.02)


@dataclass
class FarService:
    """A stub of another service: the test sets its answers, and the stub records all calls."""

    process: str
    answers: dict[str, Answer | PassedThrough] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)

    def service(self) -> Service:
        """Return a service with all routes that the contract gives this process."""
        routes = [
            Route(method, path, self._answer, None if method == "GET" else dict)
            for process, method, path in ROUTE_CALLERS
            if process == self.process
        ]
        return Service(self.process, tuple(routes))

    def _answer(self, context: Context, call: Call) -> Answer:
        self.calls.append(call)
        answer = self.answers.get(call.route, Answer(200, {"route": call.route}))
        if isinstance(answer, PassedThrough):
            raise answer
        return answer


def internal(
    caller: str, *, brand: UUID | None = BRAND, request_id: str | None = "request-1", **more: str
) -> dict[str, str]:
    """Return the headers of an internal caller.

    The operator sends fencing token 0, because no run has raised the fence.
    """
    fenced = {FENCE_HEADER: "0"} if caller == OPERATOR else {}
    headers = {
        CALLER_HEADER: caller,
        TOKEN_HEADER: f"token-of-{caller}",
        **fenced,
        **more,
    }
    if brand is not None:
        headers[BRAND_HEADER] = str(brand)
    if request_id is not None:
        headers[REQUEST_ID_HEADER] = request_id
    return headers


OBSERVER = {
    CALLER_HEADER: OBSERVER_CALLER,
    TOKEN_HEADER: f"token-of-{OBSERVER_CALLER}",
}


def as_the_wallet(
    superuser: psycopg.Connection[Any],
    statement: str,
    values: Sequence[object] = (),
    role: str = "wallet_owner",
) -> None:
    """Change a record as a database function does, so that the trigger seals the record.

    `role` is the session's role. Records of another service need the role of its process.
    """
    superuser.execute(f"SET SESSION AUTHORIZATION {role}".encode())
    try:
        superuser.execute(statement.encode(), values or None)
    finally:
        superuser.execute("RESET SESSION AUTHORIZATION")


def a_person(name: str, key: str = "") -> Person:
    """Return a person with this name. Without `key`, the key follows from the name."""
    return Person(
        persons.normal_name(name),
        persons.key_id_of((key or f"token of {persons.normal_name(name)}").encode()),
    )


def signed(
    process: str,
    person: str | Person,
    method: str,
    path: str,
    raw: bytes,
    headers: Mapping[str, str],
) -> dict[str, str]:
    """Add a person to the headers of an internal call, signed as admin_service signs."""
    who = a_person(person) if isinstance(person, str) else person
    act = Act(
        headers.get(BRAND_HEADER, ""),
        method,
        path,
        headers[REQUEST_ID_HEADER],
        raw,
    )
    return {
        **headers,
        "Content-Type": "application/json",
        persons.PERSON_HEADER: persons.sign(
            f"person-key-of-{process}".encode(), who, act, time.time()
        ),
    }


def provider(
    name: str, path: str, raw: bytes, *, request_id: str = "request-1", **more: str
) -> dict[str, str]:
    """Return the headers of a game provider's POST, signed with the current time."""
    timestamp = int(time.time())
    text = "\n".join(
        ("POST", path, str(BRAND), str(timestamp), request_id, hashlib.sha256(raw).hexdigest())
    )
    digest = hmac.new(f"secret-of-{name}".encode(), text.encode(), hashlib.sha256).hexdigest()
    return {
        PROVIDER_HEADER: name,
        PROVIDER_SIGNATURE_HEADER: f"t={timestamp},v1={digest}",
        REQUEST_ID_HEADER: request_id,
        BRAND_HEADER: str(BRAND),
        "Content-Type": "application/json",
        **more,
    }


def start_process(process: str, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Start `python -m wallet_runtime <process>` with this environment, plus PATH and HOME."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.Popen(
        [sys.executable, "-m", "wallet_runtime", process],
        cwd=REPOSITORY,
        env={**kept, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
