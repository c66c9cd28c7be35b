"""Sealed money on all services at once.

A write either stands in a list of exceptions, or is a 503 that leaves every row as it was.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import cast
from uuid import uuid4

import psycopg
import pytest

from tests.cluster import Cluster
from tests.wallet_runtime.house import EUR, House
from tests.wallet_runtime.sealing import STARTED, Sealed, one_of_everything
from tests.wallet_runtime.serving import BRAND, Served, internal, serving
from tests.wallet_runtime.wallet.pairs import activate_split
from wallet_runtime.contract import seal
from wallet_runtime.contract.freeze import SEALED
from wallet_runtime.contract.headers import FENCE_HEADER
from wallet_runtime.contract.processes import (
    API_PROCESSES,
    OPERATOR,
    PLAYER_SERVICE,
    ROLLING_WORKER,
    WALLET_SERVICE,
)
from wallet_runtime.contract.routes import REPLAY_ROUTES
from wallet_runtime.plumbing.http import auth
from wallet_runtime.plumbing.http.app import Route
from wallet_runtime.plumbing.runtime.settings import SecretBytes
from wallet_runtime.services import load

SEAL = "UPDATE wallet.wallet_gate SET freeze_level = 'sealed'"
OPEN = "UPDATE wallet.wallet_gate SET freeze_level = 'open'"
WRITES = [
    (process, route)
    for process in API_PROCESSES
    for route in load(process).routes
    if route.method != "GET"
]
NAMES = {(process, route.method, route.path) for process, route in WRITES}
# A replay passes a seal: only the operator may call it, under a fencing token.
JUDGED = [
    each
    for each in WRITES
    if (each[0], each[1].method, each[1].path) not in {*REPLAY_ROUTES, *seal.PASSING_ROUTES}
]
SESSION = auth.issue_session(SecretBytes("session-key"), BRAND, BRAND, 4_000_000_000)
PATHS = ("player_id", "transaction_id", "code", "policy_key", "rolling_id", "dead_letter_id")


@pytest.fixture(scope="module")
def opened(platform_template: Cluster, control_template: Cluster) -> Iterator[Sealed]:
    with ExitStack() as stack:
        platform = stack.enter_context(platform_template.database("platform"))
        control = stack.enter_context(control_template.database("control"))
        served: dict[str, Served] = {}
        urls: dict[str, str] = {}
        for process in STARTED:
            own = {"CONTROL_DATABASE_URL": control.dsn(process)}
            served[process] = stack.enter_context(serving(load(process), platform, **urls, **own))
            urls[f"{process.upper()}_URL"] = str(served[process].client.base_url).rstrip("/")
        activate_split(served[WALLET_SERVICE].context.database)
        look = stack.enter_context(psycopg.connect(platform.superuser_dsn, autocommit=True))
        operators = stack.enter_context(
            psycopg.connect(platform.dsn("rubyops_ops"), autocommit=True)
        )
        yield one_of_everything(House(served, look, operators), platform.dsn(ROLLING_WORKER))


@pytest.fixture
def sealed(opened: Sealed) -> Iterator[Sealed]:
    """The platform with a sealed gate row, while every copy still acts on level "open"."""
    opened.house.look.execute(SEAL)
    yield opened
    opened.house.look.execute(OPEN)


def test_the_lists_name_routes_and_loops_that_exist() -> None:
    assert {*seal.PASSING_ROUTES, *seal.PASSING_FENCED_ROUTES} <= NAMES
    assert all(
        (
            *seal.PASSING_ROUTES.values(),
            *seal.PASSING_FENCED_ROUTES.values(),
            *seal.PASSING_LOOPS.values(),
        )
    )


@pytest.mark.parametrize(
    ("process", "route"),
    JUDGED,
    ids=lambda part: part if isinstance(part, str) else f"{part.method} {part.path}",
)
def test_a_write_is_refused_and_changes_nothing(sealed: Sealed, process: str, route: Route) -> None:
    before = sealed.everything()
    answer = sealed.ask(process, route)
    # A batch has one result per bet, in the form of the settle route's answer.
    told = answer.json()["results"][0]["body"] if "results" in answer.json() else answer.json()
    assert (told.get("status"), told.get("code"), told.get("details")) == (
        503,
        "MAINTENANCE",
        {"freeze_level": "sealed"},
    ), answer.text
    assert "results" in answer.json() or (
        answer.status_code == 503 and int(answer.headers["Retry-After"]) > 0
    )
    assert sealed.everything() == before


@pytest.mark.parametrize("process", API_PROCESSES)
def test_the_door_refuses_by_the_level_that_the_copy_acknowledged(process: str) -> None:
    """A sealed copy refuses a write before any query: the copy of this test has no database."""
    with serving(load(process)) as served:
        served.freeze(SEALED)
        asker = Sealed(cast(House, None), {"session": SESSION}, dict.fromkeys(PATHS, str(BRAND)))
        for route in (route for owner, route in WRITES if owner == process):
            path = route.path.format(**asker.paths)
            answer = served.client.request(
                route.method,
                path,
                content=b"{}",
                headers=asker.headers(process, route, path, b"{}"),
            )
            is_refused = (answer.status_code, answer.json()["code"]) == (
                503,
                "MAINTENANCE",
            ) and bool(answer.headers["Retry-After"])
            named = (process, route.method, route.path)
            passes = named in {*seal.PASSING_ROUTES, *REPLAY_ROUTES}
            assert is_refused is not passes, (named, answer.text)


def test_the_run_in_charge_saves_drafts_and_makes_canaries_under_its_fence(sealed: Sealed) -> None:
    house = sealed.house
    house.advance(3)
    register = (PLAYER_SERVICE, "POST", "/internal/players")
    tries: list[tuple[str, int]] = []
    for canary, token in ((True, "3"), (False, "3"), (True, "2")):
        headers = internal(OPERATOR, request_id=str(uuid4())) | {FENCE_HEADER: token}
        answer = house.send(
            register,
            "/internal/players",
            {"player_id": str(uuid4()), "canary": canary, **EUR},
            headers,
        )
        tries.append((answer.json().get("code", "made"), answer.status_code))
    assert tries == [("made", 201), ("MAINTENANCE", 503), ("FENCING_TOKEN_OVERTAKEN", 409)]
    topology, policy = house.draft()
    for path, document in ((f"topology/{topology['code']}", topology), ("policy/default", policy)):
        headers = internal(OPERATOR, request_id=str(uuid4())) | {FENCE_HEADER: "3"}
        assert (
            house.send(
                (WALLET_SERVICE, "PUT", ""), f"/internal/wallet/{path}", document, headers
            ).status_code
            == 200
        )


def test_a_seal_is_not_settled_while_a_write_is_under_way(opened: Sealed) -> None:
    """A seal is settled only after all earlier writes have ended, so a dump misses none."""
    settle, player = (
        "SELECT wallet.settle_freeze(%s, 100)",
        "INSERT INTO player.player (tenant_id, player_id, currency) VALUES (%s, %s, 'EUR')",
    )
    service = opened.house.served[PLAYER_SERVICE].context.settings.database_url.reveal().decode()
    look = opened.house.look
    look.execute("UPDATE wallet.wallet_gate SET freeze_level = 'ingress', freeze_epoch = 9")
    with psycopg.connect(service) as writer:
        writer.execute(player.encode(), [BRAND, uuid4()])
        with pytest.raises(psycopg.errors.LockNotAvailable):
            look.execute(settle.encode(), [9])
        writer.commit()
        assert look.execute(settle.encode(), [9]).fetchall() == [(9,)]
    look.execute("UPDATE wallet.wallet_gate SET freeze_level = 'sealed'")
    with psycopg.connect(service) as writer, pytest.raises(psycopg.Error) as refused:
        writer.execute(player.encode(), [BRAND, uuid4()])
    assert refused.value.sqlstate == "RW012"
    look.execute(OPEN)
