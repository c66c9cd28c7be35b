"""The gateway on a real database, with stubs of game_service and player_service behind it."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.cluster import TestDatabase
from tests.wallet_runtime.serving import BRAND, PLAYER, FarService, Served, provider, serving
from wallet_runtime.contract.processes import GAME_SERVICE, PLAYER_SERVICE
from wallet_runtime.gateway.api import SERVICE
from wallet_runtime.plumbing.http.auth import issue_session
from wallet_runtime.plumbing.runtime.settings import SecretBytes

BET = {"player_id": str(PLAYER), "bet_id": "b1", "round_id": "r1"}
BODIES = {
    "authorize": {**BET, "amount": "10.00", "currency": "EUR"},
    "settle": {**BET, "payout": "0"},
    "rollback": BET,
}
SESSION = issue_session(SecretBytes("session-key"), BRAND, PLAYER, int(time.time()) + 3600)
MONEY = {"amount": "5.00", "currency": "EUR"}


@dataclass
class Door:
    """The gateway, and stubs of the two services that it calls."""

    gateway: Served
    game: FarService
    player: FarService

    def bet(self, command: str, body: Any = None, **headers: str) -> httpx.Response:
        raw, path = json.dumps(body or BODIES[command]).encode(), f"/v2/bets/{command}"
        return self.gateway.client.post(
            path, content=raw, headers=provider("mocksports", path, raw, **headers)
        )

    def pay(self, command: str, body: Any = None, **headers: str) -> httpx.Response:
        given = {
            "Authorization": f"Bearer {SESSION}",
            "X-Brand-Id": str(BRAND),
            "Idempotency-Key": "k1",
            **headers,
        }
        return self.gateway.client.post(
            f"/api/v1/player/wallet/{command}", json=body or MONEY, headers=given
        )

    def switch(self, body: dict[str, Any], **headers: str) -> httpx.Response:
        given = {"Authorization": "Bearer admin-token", "Idempotency-Key": "k1", **headers}
        return self.gateway.client.put("/api/v1/maintenance", json=body, headers=given)


@pytest.fixture
def door(platform_db: TestDatabase) -> Iterator[Door]:
    game, player = FarService(GAME_SERVICE), FarService(PLAYER_SERVICE)
    with serving(game.service()) as far_game, serving(player.service()) as far_player:
        urls = {
            "GAME_SERVICE_URL": str(far_game.client.base_url),
            "PLAYER_SERVICE_URL": str(far_player.client.base_url),
        }
        with serving(
            SERVICE, platform_db, **{name: url.rstrip("/") for name, url in urls.items()}
        ) as gateway:
            yield Door(gateway, game, player)


def code_of(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]
