"""The path of every HTTP request: authenticated, bounded, counted, and answered in one shape.

All requests go over real sockets.
"""

import asyncio
import json
import socket
from urllib.parse import quote

import httpx
import pytest

from tests.wallet_runtime.plumbing.http.sample_service import (
    SERVICE,
    SETTLE,
    Payload,
    confirm_error,
    echo,
    gate,
    post,
    served,
)
from tests.wallet_runtime.serving import BRAND, OBSERVER, Served, internal
from wallet_runtime.contract.headers import CALLER_HEADER, TOKEN_HEADER
from wallet_runtime.contract.processes import OBSERVER as OBSERVER_CALLER
from wallet_runtime.contract.processes import OPERATOR, ROLLING_WORKER, WALLET_SERVICE
from wallet_runtime.contract.routes import OBSERVED_PATHS, ROUTE_CALLERS
from wallet_runtime.contract.text import acts
from wallet_runtime.plumbing.http import app
from wallet_runtime.plumbing.http.app import Route, Service, build_app
from wallet_runtime.plumbing.runtime.health import Health

__all__ = ["served"]


def test_a_good_request_is_answered_under_its_own_id(served: Served) -> None:
    answer = post(served, b'{"name": "a"}')
    assert answer.json() == {
        "name": "a",
        "brand": str(BRAND),
        "caller": "game_service",
        "request_id": "request-1",
    }
    assert answer.headers["X-Request-Id"] == "request-1"


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
