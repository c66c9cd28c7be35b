"""Every write needs an idempotency key or a request id, on all routes but a literal list."""

import itertools
from copy import deepcopy
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from tests.cluster import TestDatabase
from tests.wallet_runtime.house import House, house
from tests.wallet_runtime.serving import BRAND, internal, provider, serving
from wallet_runtime.contract.headers import BRAND_HEADER, REQUEST_ID_HEADER
from wallet_runtime.contract.processes import ADMIN_SERVICE, API_PROCESSES, OPERATOR, WALLET_SERVICE
from wallet_runtime.contract.routes import KEYLESS_ROUTES, ROUTE_CALLERS
from wallet_runtime.plumbing.http import auth
from wallet_runtime.plumbing.http.app import Answer, Route
from wallet_runtime.plumbing.runtime.settings import SecretBytes
from wallet_runtime.services import load

WRITES = [
    (process, route)
    for process in API_PROCESSES
    for route in load(process).routes
    if route.method != "GET"
]
PARTS = dict.fromkeys(
    ("player_id", "transaction_id", "code", "policy_key", "rolling_id", "dead_letter_id"),
    str(BRAND),
)
SESSION = auth.issue_session(SecretBytes("session-key"), BRAND, BRAND, 4_000_000_000)


def headers_of(process: str, route: Route, path: str) -> dict[str, str]:
    """Return headers of a caller that the route admits, without a key or id."""
    if route.access is auth.internal:
        return internal(ROUTE_CALLERS[(process, route.method, route.path)][0], request_id=None)
    if route.access is auth.provider:
        signed = provider("mocksports", path, b"{}", request_id="")
        del signed[REQUEST_ID_HEADER]
        return signed
    token = SESSION if route.access is auth.player else "admin-token"
    return {"Authorization": f"Bearer {token}", BRAND_HEADER: str(BRAND)}


@pytest.mark.parametrize("process", API_PROCESSES)
def test_a_write_without_a_key_is_refused_before_anything_is_asked(process: str) -> None:
    service, asked = load(process), list[str]()

    def act(context: Any, call: Any) -> Answer:
        asked.append(call.route)
        return Answer(200, {})

    # All routes keep their access rules, and their handlers only record that they were called.
    with serving(
        replace(
            service,
            routes=tuple(replace(route, handler=act, body=None) for route in service.routes),
        )
    ) as served:
        for route in (route for owner, route in WRITES if owner == process):
            path = route.path.format(**PARTS)
            sent = headers_of(process, route, path) | {"Content-Type": "application/json"}
            answer = served.client.request(route.method, path, content=b"{}", headers=sent)
            if (process, route.method, route.path) in KEYLESS_ROUTES:
                assert answer.status_code == 200, (route.path, answer.text)
                continue
            by_person = route.access in (auth.player, auth.admin)
            code = "IDEMPOTENCY_KEY_REQUIRED" if by_person else "REQUEST_ID_REQUIRED"
            assert (answer.status_code, answer.json()["code"]) == (400, code), (
                route.path,
                answer.text,
            )
    assert set(asked) == {path for owner, _, path in KEYLESS_ROUTES if owner == process}


def test_the_list_names_routes_that_exist_each_with_a_reason() -> None:
    assert {
        (process, route.method, route.path) for process, route in WRITES
    } >= KEYLESS_ROUTES.keys()
    assert all(KEYLESS_ROUTES.values())


def test_no_route_that_writes_is_open_to_everybody() -> None:
    assert [route.path for _, route in WRITES if route.access is auth.public] == []


def test_a_draft_that_is_saved_again_late_undoes_no_newer_one(
    platform_db: TestDatabase, control_db: TestDatabase
) -> None:
    """A client repeats a save whose answer it lost, after another person saved the same version."""
    with house(platform_db, control_db) as home:
        for kind, caller in itertools.product(("topology", "policy"), (ADMIN_SERVICE, OPERATOR)):
            late_draft(home, kind, caller)


def late_draft(home: House, kind: str, caller: str) -> None:
    """Save a draft, then a newer one, then repeat the first request: it changes nothing."""
    document = home.draft()[kind == "policy"]
    newer = deepcopy(document)
    if kind == "policy":
        newer["funding"]["LIVE"]["withdrawable"] = "not_usable"
    else:
        newer["buckets"].pop()
    name, version = document["policy_key" if kind == "policy" else "code"], document["version"]

    def save(body: dict[str, Any], request_id: str) -> tuple[int, dict[str, Any]]:
        headers = internal(caller, request_id=f"{request_id}-{version}")
        answer = home.send(
            (WALLET_SERVICE, "PUT", ""), f"/internal/wallet/{kind}/{name}", body, headers
        )
        return answer.status_code, answer.json()

    first = save(document, "a")
    assert save(newer, "b")[0] == 200
    held, changes = stored(home, kind, version), home.change_no()
    assert save(document, "a") == first and first[0] == 200
    assert (stored(home, kind, version), home.change_no()) == (held, changes), (kind, caller)
    refused = save(newer, "a")
    assert (refused[0], refused[1]["code"]) == (409, "IDEMPOTENCY_PAYLOAD_MISMATCH")
    assert save(document, "c")[0] == 200


def stored(home: House, kind: str, version: int) -> list[tuple[Any, ...]]:
    """Return the stored draft and the time of its save."""
    rows = home.look.execute(
        f"SELECT document, saved_at FROM wallet.wallet_{kind} WHERE version = %s".encode(),
        [version],
    )
    return rows.fetchall()


def test_the_service_cannot_free_a_request(platform_db: TestDatabase) -> None:
    with psycopg.connect(platform_db.dsn("wallet_service")) as service:
        for statement in (
            b"DELETE FROM wallet.wallet_draft_request",
            b"UPDATE wallet.wallet_draft_request SET payload_sha256 = ''",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege), service.transaction():
                service.execute(statement)
