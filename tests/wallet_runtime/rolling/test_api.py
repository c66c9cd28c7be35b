"""rolling_service's routes: their callers, whose rollings they show, what can be canceled.

RS-1, RS-2, RS-3, RS-7, RS-10.
"""

from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest

from tests.cluster import TestDatabase
from tests.wallet_runtime.events import Player
from tests.wallet_runtime.line import Line, Look
from tests.wallet_runtime.processes import open_process
from tests.wallet_runtime.serving import internal, serving
from wallet_runtime.contract.events import ROLLING_CANCELED
from wallet_runtime.contract.processes import ADMIN_SERVICE, GAME_SERVICE, GATEWAY, ROLLING_SERVICE
from wallet_runtime.plumbing.events.streams import RedisCheck
from wallet_runtime.rolling.api import SERVICE


@pytest.fixture
def client(platform_db: TestDatabase, redis_url: str) -> Iterator[httpx.Client]:
    with serving(SERVICE, platform_db, REDIS_URL=redis_url) as served:
        yield served.client


def cancel(
    client: httpx.Client, rolling_id: UUID, brand_id: UUID, caller: str = ADMIN_SERVICE
) -> Any:
    return client.post(
        f"/internal/rolling/{rolling_id}/cancel", headers=internal(caller, brand=brand_id)
    )


def allow(superuser: psycopg.Connection[Any], brand_id: UUID) -> None:
    superuser.execute(
        "INSERT INTO rolling.brand_config (brand_id, cancel_allowed) VALUES (%s, true)", [brand_id]
    )


def test_a_players_rollings_are_listed_in_their_brand_only(
    client: httpx.Client, line: Line
) -> None:
    player = Player()
    older, newer = (
        line.wallet.require(player, 1250, currency="EUR"),
        line.wallet.require(player, 70),
    )
    line.run()
    path = f"/internal/rolling/players/{player.player_id}"
    answer = client.get(path, headers=internal(GATEWAY, brand=player.brand_id))
    assert answer.status_code == 200
    shown = answer.json()["rollings"]
    assert [each["rolling_id"] for each in shown] == [str(newer), str(older)]
    assert (shown[1]["required_turnover"], shown[1]["turnover"], shown[1]["state"]) == (
        "12.50",
        "0.00",
        "ACTIVE",
    )
    assert client.get(path, headers=internal(GATEWAY, brand=uuid4())).status_code == 404
    assert (
        client.get(path, headers=internal(GATEWAY, brand=None)).json()["code"] == "BRAND_REQUIRED"
    )
    nobody = client.get(
        f"/internal/rolling/players/{uuid4()}",
        headers=internal(GATEWAY, brand=player.brand_id),
    )
    assert nobody.json()["rollings"] == []


def test_only_listed_callers_are_let_in(client: httpx.Client) -> None:
    path = f"/internal/rolling/players/{uuid4()}"
    assert client.get(path, headers=internal(GAME_SERVICE)).status_code in (401, 403)
    assert client.get(path).status_code == 401
    assert cancel(client, uuid4(), uuid4(), caller=GATEWAY).status_code == 403


def test_the_back_office_cancels_once_and_it_is_announced(
    client: httpx.Client, line: Line, superuser: psycopg.Connection[Any], look: Look
) -> None:
    player = Player()
    allow(superuser, player.brand_id)
    rolling_id = line.wallet.require(player, 50)
    line.run()
    assert cancel(client, rolling_id, uuid4()).status_code == 404
    for _ in range(2):
        answer = cancel(client, rolling_id, player.brand_id)
        assert (answer.status_code, answer.json()["rolling"]["state"]) == (200, "CANCELED")
    assert look("SELECT event_type, payload->>'closed_by' FROM rolling.rolling_outbox") == [
        (ROLLING_CANCELED, "admin_service")
    ]
    line.wallet.settle(player, 50)
    line.run()
    assert look("SELECT turnover FROM rolling.player_rolling") == [(0,)]


def test_a_rolling_that_completes_cannot_be_canceled(
    client: httpx.Client, line: Line, superuser: psycopg.Connection[Any]
) -> None:
    player = Player()
    allow(superuser, player.brand_id)
    rolling_id = line.wallet.require(player, 50)
    line.wallet.settle(player, 50)
    line.run()
    answer = cancel(client, rolling_id, player.brand_id)
    assert (answer.status_code, answer.json()["code"], answer.json()["details"]) == (
        409,
        "ROLLING_NOT_ACTIVE",
        {"state": "COMPLETING"},
    )


@pytest.mark.parametrize("configured", [False, True])
def test_without_a_brands_own_word_nothing_is_canceled(
    configured: bool,
    client: httpx.Client,
    line: Line,
    superuser: psycopg.Connection[Any],
    look: Look,
) -> None:
    player = Player()
    rolling_id = line.wallet.require(player, 50)
    line.run()
    if configured:
        superuser.execute(
            "INSERT INTO rolling.brand_config (brand_id) VALUES (%s)", [player.brand_id]
        )
    answer = cancel(client, rolling_id, player.brand_id)
    assert (answer.status_code, answer.json()["code"]) == (409, "ROLLING_CANCELLATION_NOT_ALLOWED")
    assert "does not let its rollings be canceled" in answer.json()["message"]
    assert look("SELECT state FROM rolling.player_rolling") == [("ACTIVE",)]


def test_health_looks_at_redis(platform_db: TestDatabase, redis_url: str) -> None:
    with open_process(ROLLING_SERVICE, platform_db, redis_url) as context:
        assert RedisCheck().poll(context) == "ok"
    with open_process(ROLLING_SERVICE, platform_db, "redis://127.0.0.1:1/0") as context:
        assert "did not answer" in RedisCheck().poll(context)
