"""Rollings past their expiry time are closed, and an event announces this."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from tests.cluster import TestDatabase
from tests.wallet_runtime.events import Player
from tests.wallet_runtime.line import Line, Look
from tests.wallet_runtime.processes import open_process
from tests.wallet_runtime.serving import FarService, serving
from wallet_runtime.contract.events import ROLLING_CANCELED
from wallet_runtime.contract.processes import ROLLING_WORKER, WALLET_SERVICE
from wallet_runtime.plumbing.runtime.context import Context
from wallet_runtime.rolling.worker.expiry import Expiry

STATE = "SELECT state FROM rolling.player_rolling WHERE rolling_id = %s"


@pytest.fixture
def wallet_service() -> FarService:
    """A stub of wallet_service; the test sets its answers."""
    return FarService(WALLET_SERVICE)


@pytest.fixture
def context(
    platform_db: TestDatabase, redis_url: str, wallet_service: FarService
) -> Iterator[Context]:
    with serving(wallet_service.service()) as served:
        url = str(served.client.base_url)
        with open_process(ROLLING_WORKER, platform_db, redis_url, WALLET_SERVICE_URL=url) as opened:
            yield opened


def test_a_lapsed_rolling_expires_and_is_announced(
    line: Line, look: Look, context: Context, superuser: psycopg.Connection[Any]
) -> None:
    player = Player()
    superuser.execute(
        "INSERT INTO rolling.brand_config (brand_id, expires_after) VALUES (%s, interval '1 ms')",
        [player.brand_id],
    )
    rolling_id = line.wallet.require(player, 50)
    never = line.wallet.require(Player(), 50)
    line.run()
    assert Expiry(context.database).turn() == 1
    assert look(STATE, rolling_id) + look(STATE, never) == [("EXPIRED",), ("ACTIVE",)]
    assert look(
        "SELECT event_type, payload->>'state', payload->>'closed_by' FROM rolling.rolling_outbox"
    ) == [(ROLLING_CANCELED, "EXPIRED", "expiry")]
