"""player_service creates each player once, also in the wallet.

It moves the money of a player only for the player's own brand.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest

from tests.cluster import TestDatabase
from tests.wallet_runtime.serving import BRAND, PLAYER, FarService, Served, internal, serving
from wallet_runtime.contract.processes import WALLET_SERVICE
from wallet_runtime.player.api import SERVICE
from wallet_runtime.plumbing.errors import PassedThrough
from wallet_runtime.plumbing.http.auth import read_session
from wallet_runtime.plumbing.runtime.settings import SecretBytes


@dataclass
class Desk:
    """player_service and a stub of the wallet."""

    player: Served
    wallet: FarService

    def register(self, brand: Any = BRAND, request_id: Any = "q1", **body: Any) -> httpx.Response:
        wanted = {"currency": "EUR", **body}
        return self.player.client.post(
            "/internal/players",
            json=wanted,
            headers=internal("rubyops", brand=brand, request_id=request_id),
        )

    def move(self, command: str, brand: Any = BRAND, **body: str) -> httpx.Response:
        wanted = {"amount": "5.00", "currency": "EUR", **body}
        return self.player.client.post(
            f"/internal/players/{PLAYER}/{command}",
            json=wanted,
            headers=internal("gateway", brand=brand),
        )


@pytest.fixture
def desk(platform_db: TestDatabase) -> Iterator[Desk]:
    wallet = FarService(WALLET_SERVICE)
    with (
        serving(wallet.service()) as far,
        serving(
            SERVICE, platform_db, WALLET_SERVICE_URL=str(far.client.base_url).rstrip("/")
        ) as player,
    ):
        yield Desk(player, wallet)


def test_a_registration_answers_a_session_that_the_gateway_can_read(desk: Desk) -> None:
    body = desk.register(player_id=str(PLAYER), canary=True).json()
    assert (body["player_id"], body["currency"]) == (str(PLAYER), "EUR")
    identity = read_session(SecretBytes("session-key"), body["session"], time.time())
    assert (identity.brand_id, identity.player_id) == (BRAND, PLAYER)
    assert desk.wallet.calls[0].body == {
        "player_id": str(PLAYER),
        "currency": "EUR",
        "canary": True,
    }


def test_a_repeat_finds_the_same_player_named_or_not(desk: Desk) -> None:
    assert desk.register().json()["player_id"] == desk.register().json()["player_id"]
    assert desk.register().json()["player_id"] != desk.register(request_id="q2").json()["player_id"]
    assert desk.register(player_id=str(PLAYER)).status_code == 201
    assert desk.register(player_id=str(PLAYER), request_id="q9").status_code == 201
    refusal = desk.register(player_id=str(PLAYER), currency="USD")
    assert (refusal.status_code, refusal.json()["code"], refusal.json()["details"]["currency"]) == (
        409,
        "PLAYER_EXISTS",
        "EUR",
    )


def test_a_registration_that_the_wallet_missed_is_completed_by_a_repeat(desk: Desk) -> None:
    desk.wallet.answers["/internal/wallet/v2/players"] = PassedThrough(
        503, "BUSY", "later", details={}, retry_after=1
    )
    assert desk.register(player_id=str(PLAYER)).status_code == 503
    desk.wallet.answers.clear()
    assert desk.register(player_id=str(PLAYER)).status_code == 201


@pytest.mark.parametrize(
    "body",
    [
        {"currency": "XXX"},
        {"player_id": "x"},
        {"canary": 1},
        {"balance": "1"},
        {"brand_id": str(PLAYER)},
    ],
)
def test_a_bad_registration_is_a_422(desk: Desk, body: dict[str, object]) -> None:
    assert desk.register(**body).status_code == 422
    assert not desk.wallet.calls


@pytest.mark.parametrize(
    ("command", "route", "further"),
    [
        (
            "deposit",
            "/internal/wallet/v2/deposits/approve",
            {"bucket": "SPORTS_NORMAL", "psp_reference": "mockpsp-request-1"},
        ),
        ("wallet-deposit", "/internal/wallet/v2/deposits/wallet", {"bucket": "SPORTS_NORMAL"}),
        ("withdraw", "/internal/wallet/v2/withdrawals/request", {}),
        ("wallet-withdrawal", "/internal/wallet/v2/withdrawals/wallet", {}),
    ],
)
def test_money_is_the_wallets_to_move(
    desk: Desk, command: str, route: str, further: dict[str, str]
) -> None:
    desk.register(player_id=str(PLAYER))
    given = {"bucket": "SPORTS_NORMAL"} if "deposit" in command else {}
    assert desk.move(command, **given).json() == {"route": route}
    call = desk.wallet.calls[-1]
    assert call.body == {"player_id": str(PLAYER), "amount": "5.00", "currency": "EUR", **further}
    assert (call.request_id, call.brand_id, call.caller) == ("request-1", BRAND, "player_service")


@pytest.mark.parametrize("command", ["deposit", "withdraw", "wallet-withdrawal"])
def test_an_unknown_player_and_one_of_another_brand_are_the_same_404(
    desk: Desk, command: str
) -> None:
    desk.register(player_id=str(PLAYER))
    asked = len(desk.wallet.calls)
    assert desk.move(command, brand=uuid4()).json()["code"] == "PLAYER_NOT_FOUND"
    assert desk.move(command, amount="5.001").json()["code"] == "INVALID_AMOUNT"
    assert len(desk.wallet.calls) == asked


def test_legacy_players_are_the_same_every_time_and_some_do_not_convert(
    platform_db: TestDatabase,
) -> None:
    with psycopg.connect(platform_db.dsn("rubyops_ops"), autocommit=True) as operator:
        assert operator.execute("SELECT player.seed_legacy_players(5000)").fetchone() == (5000,)
        assert operator.execute("SELECT player.seed_legacy_players(5000)").fetchone() == (0,)
        figures = operator.execute(
            "SELECT count(DISTINCT tenant_id), count(DISTINCT currency),"
            " count(*) FILTER (WHERE balance_real_available IS NULL),"
            " count(*) FILTER (WHERE balance_real_available < 0), md5(string_agg(concat_ws('|',"
            " tenant_id, player_id, currency,"
            " balance_real_available, balance_real_held), ',' ORDER BY player_id)) FROM"
            " player.player"
        ).fetchone()
    assert figures is not None
    assert figures[:4] == (20, 5, 4, 4)
    assert figures[4] == "b632b1ee1c80e499a13ee748505bb02f"


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE player.player SET status = 'blocked'",
        "DELETE FROM player.player",
        "SELECT player.seed_legacy_players(1)",
    ],
)
def test_the_services_role_can_add_players_and_nothing_else(
    platform_db: TestDatabase, statement: str
) -> None:
    with (
        psycopg.connect(platform_db.dsn("player_service")) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute(statement.encode())


@pytest.mark.parametrize(
    ("command", "body", "path", "sent"),
    [
        (
            "transfer",
            {"from_bucket": "A", "to_bucket": "B", "amount": "5.00", "currency": "EUR"},
            "transfers",
            None,
        ),
        (
            "legacy-transfer",
            {"from_side": "sports", "amount": "5.00", "currency": "EUR"},
            "transfers/legacy",
            None,
        ),
        ("points-transfer", {"points": "5", "target": "A"}, "points/transfer", None),
        (f"withdrawals/{PLAYER}/cancel", {}, "withdrawals/cancel", {"transaction_id": str(PLAYER)}),
    ],
)
def test_movements_go_to_the_wallet_for_a_player_of_this_brand_only(
    desk: Desk, command: str, body: dict[str, str], path: str, sent: dict[str, str] | None
) -> None:
    desk.register(player_id=str(PLAYER))
    url = f"/internal/players/{PLAYER}/{command}"
    assert desk.player.client.post(url, json=body, headers=internal("gateway")).status_code == 200
    call = desk.wallet.calls[-1]
    assert (call.route, call.body) == (
        f"/internal/wallet/v2/{path}",
        {"player_id": str(PLAYER), **(body if sent is None else sent)},
    )
    known = len(desk.wallet.calls)
    assert (
        desk.player.client.post(
            url, json=body, headers=internal("gateway", brand=uuid4())
        ).status_code
        == 404
    )
    assert len(desk.wallet.calls) == known


def test_a_choice_goes_to_the_wallet_for_a_player_of_this_brand_only(desk: Desk) -> None:
    desk.register(player_id=str(PLAYER))
    url, choice = (
        f"/internal/players/{PLAYER}/funding-choice",
        {"provider_type": "LIVE", "source": "CASINO_NORMAL"},
    )
    assert desk.player.client.put(url, json=choice, headers=internal("gateway")).status_code == 200
    assert desk.player.client.get(url, headers=internal("gateway")).status_code == 200
    known = [(call.route, call.body) for call in desk.wallet.calls[-2:]]
    assert known == [
        ("/internal/wallet/v2/players/{player_id}/funding-choice", body) for body in (choice, None)
    ]
    assert (
        desk.player.client.put(
            url, json=choice, headers=internal("gateway", brand=uuid4())
        ).status_code
        == 404
    )
    assert desk.player.client.put(
        url, json=choice, headers=internal("game_service")
    ).status_code in (401, 403)
    assert len(desk.wallet.calls) == 3
