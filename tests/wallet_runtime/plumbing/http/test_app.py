"""One path for every request: bounded, authenticated, typed, answered in one shape.

Real sockets throughout.
"""

import asyncio
import json
import socket
import threading
from collections.abc import Iterator
from urllib.parse import quote

import httpx
import pytest

from tests.wallet_runtime.serving import BRAND, OBSERVER, Served, internal, serving
from wallet_runtime.contract.headers import CALLER_HEADER, TOKEN_HEADER
from wallet_runtime.contract.processes import OBSERVER as OBSERVER_CALLER
from wallet_runtime.contract.processes import OPERATOR, ROLLING_WORKER, WALLET_SERVICE
from wallet_runtime.contract.routes import OBSERVED_PATHS, ROUTE_CALLERS
from wallet_runtime.contract.text import acts
from wallet_runtime.plumbing.errors import Conflict
from wallet_runtime.plumbing.http import app, auth
from wallet_runtime.plumbing.http.app import Answer, Call, Route, Service, build_app
from wallet_runtime.plumbing.http.body import Body
from wallet_runtime.plumbing.runtime.context import Context
from wallet_runtime.plumbing.runtime.health import Health

SETTLE = "/internal/wallet/v2/bets/settle"
SNAPSHOT = "/internal/wallet/v2/players/{player_id}/snapshot"
gate = threading.Event()


class Payload(Body):
    """A body with one field of each kind."""

    name: str
    count: int = 0


def echo(context: Context, call: Call) -> Answer:
    """Answer what arrived."""
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
    """Answer the path and the query."""
    return Answer(200, {"player": call.path_uuid("player_id"), "query": dict(call.query)})


def fail(context: Context, call: Call) -> Answer:
    """Break."""
    raise RuntimeError("broken inside")


def refuse(context: Context, call: Call) -> Answer:
    """Refuse as a rule would."""
    raise Conflict("this does not fit", details={"state": "SETTLED"}, retry_after=3)


def wait(context: Context, call: Call) -> Answer:
    """Hold a thread until the test lets it go."""
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


def test_a_good_request_is_answered_under_its_own_id(served: Served) -> None:
    answer = post(served, b'{"name": "a"}')
    assert answer.json() == {
        "name": "a",
        "brand": str(BRAND),
        "caller": "game_service",
        "request_id": "request-1",
    }
    assert answer.headers["X-Request-Id"] == "request-1"


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (b"", "Input data was truncated|not valid"),
        (b"[]", "Expected `object`"),
        (b'{"name": 1}', "Expected `str`"),
        (b'{"name": "a", "count": true}', "Expected `int`"),
        (b'{"name": "a", "count": "1"}', "Expected `int`"),
        (b'{"name": "a", "count": NaN}', "NaN"),
        (b'{"name": "a", "count": 1e999}', "too large"),
        (b'{"name": "a", "count": ' + b"9" * 5000 + b"}", "not valid"),
        (b'{"name": "a", "name": "b"}', "twice"),
        (b'{"name": "a", "source": "x"}', "unknown field `source`"),
        (b'{"name": "\\ud800"}', "not valid"),
        (b'{"name": "\\u0000"}', "NUL"),
        (b'{"name": "\xff"}', "not valid"),
        ('{"name": "a"}'.encode("utf-16"), "not valid"),
        (b'\xef\xbb\xbf{"name": "a"}', "not valid"),
        (b'{"name": "a"} x', "not valid"),
    ],
)
def test_a_bad_body_is_a_422(served: Served, content: bytes, named: str) -> None:
    message = str(confirm_error(post(served, content), 422, "INVALID")["message"])
    assert any(word in message for word in named.split("|")), message


def test_deep_nesting_is_a_422_also_in_a_free_document(served: Served) -> None:
    nested = b'{"a":' * 10_000 + b"1" + b"}" * 10_000
    assert len(nested) < 64 * 1024
    confirm_error(
        served.client.put(
            "/document", content=nested, headers={"Content-Type": "application/json"}
        ),
        422,
        "INVALID",
    )
    confirm_error(post(served, b'{"name": ' + b"[" * 60_000), 422, "INVALID")


@pytest.mark.parametrize(
    "content",
    [
        b'{"a": NaN}',
        b'{"a": -Infinity}',
        b'{"a": 1e999}',
        b'{"a": {"b": 1, "b": 2}}',
        b'{"a": "\\udead"}',
    ],
)
def test_a_free_document_has_the_same_bounds(served: Served, content: bytes) -> None:
    confirm_error(
        served.client.put(
            "/document", content=content, headers={"Content-Type": "application/json"}
        ),
        422,
        "INVALID",
    )


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin-1", ""],
)
def test_a_wrong_content_type_is_a_415(served: Served, content_type: str) -> None:
    confirm_error(
        post(served, b'{"name": "a"}', **{"Content-Type": content_type}),
        415,
        "UNSUPPORTED_MEDIA_TYPE",
    )


def test_an_oversize_body_is_a_413_announced_or_not(served: Served) -> None:
    large = b'{"name": "' + b"a" * 70_000 + b'"}'
    confirm_error(post(served, large), 413, "BODY_TOO_LARGE")
    headers = {**internal("game_service"), "Content-Type": "application/json"}
    confirm_error(
        served.client.post(SETTLE, content=iter([large[:40_000], large[40_000:]]), headers=headers),
        413,
        "BODY_TOO_LARGE",
    )


@pytest.mark.parametrize("request_id", ["", "a" * 256, "a b", "schl\xfcssel"])
def test_a_request_id_that_is_not_valid_is_a_422(served: Served, request_id: str) -> None:
    headers = {
        **internal("game_service"),
        "Content-Type": "application/json",
        "X-Request-Id": request_id,
    }
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    confirm_error(served.client.post(SETTLE, content=b'{"name": "a"}', headers=raw), 422, "INVALID")


def test_a_missing_request_id_or_brand_is_named(served: Served) -> None:
    content = {"name": "a"}
    confirm_error(
        served.client.post(SETTLE, json=content, headers=internal("game_service", request_id=None)),
        400,
        "REQUEST_ID_REQUIRED",
    )
    confirm_error(
        served.client.post(SETTLE, json=content, headers=internal("game_service", brand=None)),
        422,
        "BRAND_REQUIRED",
    )


@pytest.mark.parametrize(
    "brand", ["x", "", "0f8fad5bd9cb469fa16570867728950e", str(BRAND) + "0", "{" + str(BRAND)[1:]]
)
def test_a_brand_that_is_no_uuid_is_a_422(served: Served, brand: str) -> None:
    confirm_error(post(served, b'{"name": "a"}', **{"X-Brand-Id": brand}), 422, "INVALID")


@pytest.mark.parametrize("name", ["X-Brand-Id", "X-Request-Id", "Content-Type", "X-Canary-Token"])
def test_a_repeated_header_is_a_422(served: Served, name: str) -> None:
    given = {**internal("game_service"), "Content-Type": "application/json", "X-Canary-Token": "t"}
    headers = [*given.items(), (name, given[name])]
    confirm_error(
        served.client.post(SETTLE, content=b'{"name": "a"}', headers=headers), 422, "INVALID"
    )


@pytest.mark.parametrize(
    "change",
    [
        {"X-Internal-Service-Token": "wrong"},
        {"X-Internal-Service-Token": ""},
        {"X-Internal-Service-Token": "t\xfcrk"},
        {"X-Caller-Service": "nobody"},
        {"X-Caller-Service": ""},
        {"X-Caller-Service": "wallet_service"},
        {"X-Caller-Service": "gateway"},
    ],
)
def test_bad_credentials_get_one_and_the_same_401(served: Served, change: dict[str, str]) -> None:
    headers = {**internal("game_service"), **change}
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    body = confirm_error(
        served.client.post(SETTLE, content=b"not even JSON", headers=raw), 401, "UNAUTHORIZED"
    )
    assert body["message"] == "The credentials are missing, wrong or malformed."


def test_a_repeated_token_is_a_401_and_a_caller_of_other_routes_a_403(served: Served) -> None:
    headers = [
        *internal("game_service").items(),
        ("X-Internal-Service-Token", "token-of-game_service"),
    ]
    confirm_error(served.client.post(SETTLE, content=b"{}", headers=headers), 401, "UNAUTHORIZED")
    confirm_error(
        served.client.post(SETTLE, content=b"{}", headers=internal("admin_service")),
        403,
        "FORBIDDEN",
    )


def test_paths_methods_and_queries(served: Served) -> None:
    confirm_error(served.client.get("/nothing"), 404, "NOT_FOUND")
    refusal = served.client.delete(SETTLE)
    confirm_error(refusal, 405, "METHOD_NOT_ALLOWED")
    assert refusal.headers["Allow"] == "POST"
    base, headers = "/internal/wallet/v2/players", internal("gateway")
    assert served.client.get(f"{base}/{BRAND}/snapshot?a=1", headers=headers).json() == {
        "player": str(BRAND),
        "query": {"a": "1"},
    }
    confirm_error(served.client.get(f"{base}/1/snapshot", headers=headers), 404, "NOT_FOUND")
    confirm_error(served.client.get(f"{base}/%00/snapshot", headers=headers), 404, "NOT_FOUND")
    for query in ("a=1&a=2", "a=%00", "a=%ff", "&".join(f"n{i}=1" for i in range(40))):
        confirm_error(
            served.client.get(f"{base}/{BRAND}/snapshot?{query}", headers=headers), 422, "INVALID"
        )


def test_a_refusal_carries_its_details_and_a_break_carries_nothing(served: Served) -> None:
    refusal = served.client.get("/refuse")
    assert confirm_error(refusal, 409, "CONFLICT")["details"] == {"state": "SETTLED"}
    assert refusal.headers["Retry-After"] == "3"
    body = confirm_error(served.client.get("/fail"), 500, "INTERNAL")
    assert "broken" not in str(body)


@pytest.mark.parametrize("sign", ["\x1b", "\x7f", "\x9b", "\u202e"], ids=ascii)
def test_an_error_that_repeats_what_was_sent_shows_it_escaped(served: Served, sign: str) -> None:
    answers = [
        post(served, json.dumps({"name": "a", f"x{sign}": 1}, ensure_ascii=False).encode()),
        served.client.get(f"/x{quote(sign)}"),
    ]
    for answer in answers:
        assert answer.status_code in (404, 422)
        assert not acts(answer.text), answer.text


def test_requests_are_counted_by_route_and_status(served: Served) -> None:
    served.client.get("/refuse")
    text = served.client.get("/metrics", headers=OBSERVER).text
    assert 'http_requests_total{method="GET",route="/refuse",status="409"}' in text
    assert (
        "multi_brand_enforcement_mode{service=" in text
        or "# TYPE multi_brand_enforcement_mode gauge" in text
    )


def test_what_a_process_tells_of_itself_is_for_who_may_see_it(served: Served) -> None:
    anonymous = served.client.get("/health")
    assert anonymous.json() == {"process": WALLET_SERVICE, "status": "failing"}, (
        "the checks were not looked at here"
    )
    assert confirm_error(served.client.get("/metrics"), 401, "UNAUTHORIZED")
    bearer = {"Authorization": f"Bearer token-of-{OBSERVER_CALLER}"}
    own = internal(OPERATOR, brand=None, request_id=None)
    for known in (OBSERVER, bearer, own):
        assert served.client.get("/health", headers=known).json().keys() > {
            "checks",
            "freeze",
            "version",
            "pid",
        }
        assert served.client.get("/metrics", headers=known).status_code == 200
    wrong = (
        {"Authorization": "Bearer token-of-rubyops"},
        {CALLER_HEADER: OBSERVER_CALLER},
        {**OBSERVER, TOKEN_HEADER: "token-of-rubyops"},
        {
            CALLER_HEADER: ROLLING_WORKER,
            TOKEN_HEADER: "nobody has this token",
        },
        {CALLER_HEADER: "anybody", TOKEN_HEADER: "nobody has this token"},
    )
    for headers in wrong:
        for path in OBSERVED_PATHS:
            confirm_error(served.client.get(path, headers=headers), 401, "UNAUTHORIZED")


def test_the_observer_may_call_no_route() -> None:
    assert all(OBSERVER_CALLER not in callers for callers in ROUTE_CALLERS.values())


def test_beyond_the_bound_requests_are_told_to_come_back_and_health_answers(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "WAITING_MAX", 4)
    many = app.THREADS_MAX + app.WAITING_MAX + 4
    gate.clear()

    async def crowd() -> list[httpx.Response]:
        transport = httpx.ASGITransport(
            app.build_app(SERVICE, served.context, Health(served.context, {}, ()))
        )
        async with httpx.AsyncClient(
            transport=transport, base_url="http://service", timeout=120
        ) as client:
            asked = [asyncio.create_task(client.get("/wait")) for _ in range(many)]
            try:
                await asyncio.wait(asked, timeout=60, return_when=asyncio.FIRST_COMPLETED)
                assert (await asyncio.wait_for(client.get("/health"), 60)).status_code in (200, 503)
                assert sum(task.done() for task in asked) == 4
            finally:
                gate.set()
            return await asyncio.gather(*asked)

    answers = asyncio.run(crowd())
    busy = [answer for answer in answers if answer.status_code == 503]
    assert [answer.status_code for answer in answers].count(
        200
    ) == app.THREADS_MAX + app.WAITING_MAX
    assert all(answer.json()["code"] == "BUSY" and answer.headers["Retry-After"] for answer in busy)


@pytest.mark.parametrize(
    "raw",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\nX-Request-Id: a\r\n b\r\n\r\n",
        b"\x00\x01\x02\r\n\r\n",
        b"POST /document HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    ],
)
def test_a_line_that_is_no_http_never_ends_the_server(served: Served, raw: bytes) -> None:
    port = served.client.base_url.port
    assert port is not None
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(raw)
        connection.recv(1000)
    assert served.client.get("/refuse").status_code == 409


def test_an_internal_route_that_the_contract_does_not_know_stops_the_start(served: Served) -> None:
    unknown = Service(WALLET_SERVICE, (Route("POST", "/internal/wallet/v2/mint", echo, Payload),))
    with pytest.raises(AssertionError, match="not in contract.routes.ROUTE_CALLERS"):
        build_app(unknown, served.context)
