"""Fencing tokens on every route that operators call, and the counter of platform changes."""

import threading
import time
from collections.abc import Iterator
from uuid import uuid4

import psycopg
import pytest

from tests.cluster import TestDatabase
from tests.wallet_runtime.house import OPERATORS_ROUTES, REQUESTS, House, Route, house
from tests.wallet_runtime.serving import await_until, internal
from wallet_runtime.contract.headers import FENCE_HEADER
from wallet_runtime.contract.processes import ADMIN_SERVICE, GAME_SERVICE, OPERATOR, WALLET_SERVICE
from wallet_runtime.contract.routes import (
    CHANGING_ROUTES,
    FENCED_ROUTES,
    ROUTE_CALLERS,
    UNFENCED_ROUTES,
)

FENCE = FENCE_HEADER
SETTLE = (WALLET_SERVICE, "POST", "/internal/wallet/v2/bets/settle")
ACTIVATE = (WALLET_SERVICE, "PUT", "/internal/wallet/topology/{code}/activate")
WAITS = (
    b"SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    b" AND query LIKE '%advance_fence%'"
)
ASKED = [
    (route, caller)
    for route, callers in ROUTE_CALLERS.items()
    for caller in callers
    if route in REQUESTS and caller in (OPERATOR, ADMIN_SERVICE, GAME_SERVICE)
]


@pytest.fixture
def home(platform_db: TestDatabase, control_db: TestDatabase) -> Iterator[House]:
    with house(platform_db, control_db) as made:
        made.advance(7)
        yield made


def under(token: str, request_id: str) -> dict[str, str]:
    """Return the operator's headers with this fencing token."""
    return internal(OPERATOR, request_id=request_id) | {FENCE: token}


def test_every_changing_route_of_an_operator_is_fenced_or_has_a_reason() -> None:
    assert sorted(OPERATORS_ROUTES) == sorted([*FENCED_ROUTES, *UNFENCED_ROUTES])
    assert all(UNFENCED_ROUTES.values())


@pytest.mark.parametrize("route", FENCED_ROUTES, ids=lambda route: route[2])
def test_a_fenced_route_acts_only_under_the_present_token(home: House, route: Route) -> None:
    path, body = REQUESTS[route](home)
    before, same = home.everything(), str(uuid4())
    missing = internal(OPERATOR, request_id=same)
    del missing[FENCE]
    tries = (
        (missing, 400, "FENCING_TOKEN_REQUIRED"),
        *((under(token, same), 409, "FENCING_TOKEN_OVERTAKEN") for token in ("6", "0", "8")),
        *((under(junk, same), 422, "INVALID") for junk in ("", "07", "+7", "7.0", "x", "9" * 20)),
    )
    for headers, status, code in tries:
        answer = home.send(route, path, body, headers)
        assert (answer.status_code, answer.json()["code"]) == (status, code), headers
    assert home.everything() == before, (
        "a refused act changes nothing, and is not kept under its request id"
    )
    answer = home.send(route, path, body, under("7", same))
    assert answer.status_code in (200, 201), answer.text
    assert home.everything() != before


@pytest.mark.parametrize("route", [SETTLE, ACTIVATE], ids=lambda route: route[2])
def test_a_repeat_of_what_was_done_needs_no_present_token(home: House, route: Route) -> None:
    path, body = REQUESTS[route](home)
    headers = under("7", "first")
    first = home.send(route, path, body, headers)
    home.advance(8)
    again = home.send(route, path, body, headers)
    assert (first.status_code, again.status_code) == (200, 200)
    assert home.send(route, path, body, under("7", "other")).status_code == 409


def test_an_activation_of_what_is_active_is_refused_to_an_overtaken_run(home: House) -> None:
    path, body = REQUESTS[ACTIVATE](home)
    assert home.send(ACTIVATE, path, body, under("7", "first")).status_code == 200
    again = {
        "version": body["version"],
        "from": {"topology_code": "RUBY_SPLIT_V1", "topology_version": body["version"]},
    }
    stale = home.send(ACTIVATE, path, again, under("6", "other"))
    assert (stale.status_code, stale.json()["code"]) == (409, "FENCING_TOKEN_OVERTAKEN")


def test_a_newer_token_waits_for_an_act_that_is_going_on(
    home: House, platform_db: TestDatabase
) -> None:
    with psycopg.connect(platform_db.dsn("rubyops_ops")) as acting:
        acting.execute("SELECT wallet.hold_fence(7)")
        overtaking = threading.Thread(target=home.advance, args=[8])
        overtaking.start()
        await_until(lambda: home.look.execute(WAITS).fetchall() == [(1,)])
        time.sleep(0.2)
        assert overtaking.is_alive()
        acting.commit()
        overtaking.join(5)
    assert home.look.execute("SELECT fence_token FROM wallet.wallet_gate").fetchall() == [(8,)]


def test_every_route_that_can_change_the_platform_is_asked() -> None:
    wallet = [
        route
        for route in ROUTE_CALLERS
        if route[0] == WALLET_SERVICE and route[1] in ("POST", "PUT")
    ]
    able = {route for route in wallet if {OPERATOR, ADMIN_SERVICE} & set(ROUTE_CALLERS[route])}
    assert able - set(REQUESTS) == {
        (WALLET_SERVICE, "POST", "/internal/wallet/v2/withdrawals/cancel")
    }, "the player's own"
    assert set(CHANGING_ROUTES) <= set(REQUESTS)


@pytest.mark.parametrize(
    ("route", "caller"),
    ASKED,
    ids=lambda part: part if isinstance(part, str) else f"{part[0]}-{part[2]}",
)
def test_a_route_moves_the_counter_if_the_table_says_so(
    home: House, route: Route, caller: str
) -> None:
    path, body = REQUESTS[route](home)
    before = home.change_no()
    headers = (
        under("7", str(uuid4()))
        if caller == OPERATOR
        else internal(caller, request_id=str(uuid4()))
    )
    answer = home.send(route, path, body, headers)
    assert answer.status_code in (200, 201), answer.text
    assert (home.change_no() != before) == (caller in CHANGING_ROUTES.get(route, ())), (
        before,
        home.change_no(),
    )


@pytest.mark.parametrize("seed", ["ruby-split-v1", "ruby-unified-v1"])
def test_a_seed_that_saves_nothing_is_no_change(home: House, seed: str) -> None:
    route = (WALLET_SERVICE, "POST", f"/internal/wallet/topology/seed-{seed}")
    assert home.ask(route, ADMIN_SERVICE).status_code == 200
    before = home.change_no()
    assert home.send(route, route[2], {}, internal(ADMIN_SERVICE)).json() == {"saved": []}
    assert home.change_no() == before
