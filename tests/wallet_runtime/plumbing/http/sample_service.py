"""A sample service on a real socket, with one route of each kind, and helpers to call it."""

import threading
from collections.abc import Iterator

import httpx
import pytest

from tests.wallet_runtime.serving import Served, internal, serving
from wallet_runtime.contract.processes import WALLET_SERVICE
from wallet_runtime.plumbing.errors import Conflict
from wallet_runtime.plumbing.http import auth
from wallet_runtime.plumbing.http.app import Answer, Call, Route, Service
from wallet_runtime.plumbing.http.body import Body
from wallet_runtime.plumbing.runtime.context import Context

SETTLE = "/internal/wallet/v2/bets/settle"
SNAPSHOT = "/internal/wallet/v2/players/{player_id}/snapshot"
gate = threading.Event()


class Payload(Body):
    """A body with one field of each kind."""

    name: str
    count: int = 0


def echo(context: Context, call: Call) -> Answer:
    """Return the body, brand, caller and request id that the handler received."""
    return Answer(
        200,
        {
            "name": call.body.name,
            "brand": call.brand(),
            "caller": call.caller,
            "request_id": call.command_id(),
        },
    )


def look(context: Context, call: Call) -> Answer:
    """Return the path parameter and the query parameters."""
    return Answer(200, {"player": call.path_uuid("player_id"), "query": dict(call.query)})


def fail(context: Context, call: Call) -> Answer:
    """Raise an error that no handler expects."""
    raise RuntimeError("broken inside")


def refuse(context: Context, call: Call) -> Answer:
    """Raise a conflict with details and a retry time."""
    raise Conflict("this does not fit", details={"state": "SETTLED"}, retry_after=3)


def wait(context: Context, call: Call) -> Answer:
    """Block the thread until the test sets `gate`."""
    gate.wait(120)
    return Answer(200, {})


SERVICE = Service(
    WALLET_SERVICE,
    routes=(
        Route("POST", SETTLE, echo, Payload),
        Route("GET", SNAPSHOT, look),
        Route("GET", "/fail", fail, access=auth.public),
        Route("GET", "/refuse", refuse, access=auth.public),
        Route("GET", "/wait", wait, access=auth.public),
        Route("PUT", "/document", lambda context, call: Answer(200, call.body), dict, auth.public),
    ),
)


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with serving(SERVICE) as running:
        yield running


def post(served: Served, content: bytes, **headers: str) -> httpx.Response:
    given = {**internal("game_service"), "Content-Type": "application/json", **headers}
    return served.client.post(SETTLE, content=content, headers=given)


def confirm_error(answer: httpx.Response, status: int, code: str) -> dict[str, object]:
    body: dict[str, object] = answer.json()
    assert (answer.status_code, body["status"], body["code"]) == (status, status, code), body
    assert set(body) == {"status", "code", "message", "request_id", "details"}
    return body
