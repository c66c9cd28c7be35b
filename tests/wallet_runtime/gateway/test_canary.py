"""Canary tokens, sent from the gateway to a real wallet: an invalid token opens nothing."""

import hashlib
import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import httpx
import psycopg
import pytest

from tests.cluster import TestDatabase
from tests.wallet_runtime.serving import BRAND, PLAYER, Served, internal, provider, serving
from tests.wallet_runtime.wallet.pairs import activate_split
from wallet_runtime.contract.codes import CANARY_TOKEN_INVALID
from wallet_runtime.contract.freeze import FREEZE_LEVELS, SEALED
from wallet_runtime.contract.processes import GAME_SERVICE, GATEWAY, PLAYER_SERVICE, WALLET_SERVICE
from wallet_runtime.plumbing.http.auth import issue_session
from wallet_runtime.plumbing.runtime.settings import SecretBytes
from wallet_runtime.services import load

SESSION = issue_session(SecretBytes("session-key"), BRAND, PLAYER, int(time.time()) + 3600)
MONEY = {"amount": "5.00", "currency": "EUR"}
BET = {"player_id": str(PLAYER), "bet_id": "b1", "round_id": "r1"}
BETS = {"authorize": {**BET, **MONEY}, "settle": {**BET, "payout": "0"}, "rollback": BET}
PAYMENTS = ("deposit", "withdraw", "wallet-withdrawal")
LEDGER_ROWS = "SELECT count(*) FROM wallet.wallet_ledger"


@dataclass
class Platform:
    """The gateway and the services that it needs for players and providers, on one database."""

    gateway: Served
    database: TestDatabase

    def bet(self, command: str, request_id: str, bet_id: str = "b1", **more: str) -> httpx.Response:
        raw, path = json.dumps({**BETS[command], "bet_id": bet_id}).encode(), f"/v2/bets/{command}"
        return self.gateway.client.post(
            path,
            content=raw,
            headers=provider("mocksports", path, raw, request_id=request_id, **more),
        )

    def pay(self, command: str, key: str, bucket: str | None = None, **more: str) -> httpx.Response:
        headers = {
            "Authorization": f"Bearer {SESSION}",
            "X-Brand-Id": str(BRAND),
            "Idempotency-Key": key,
            **more,
        }
        body = {**MONEY, **({"bucket": bucket} if bucket else {})}
        return self.gateway.client.post(
            f"/api/v1/player/wallet/{command}", json=body, headers=headers
        )

    def ask_everything(self, token: str) -> dict[str, tuple[int, str]]:
        """Send every command that moves money with this token; return status and code by command.

        All commands are valid, so only a freeze or the token can stop them.
        """
        more = {"X-Canary-Token": token}
        bets = {
            command: self.bet(command, token, "b2" if command == "authorize" else "b1", **more)
            for command in BETS
        }
        answers = bets | {command: self.pay(command, token, **more) for command in PAYMENTS}
        return {
            command: (answer.status_code, answer.json().get("code", ""))
            for command, answer in answers.items()
        }

    def play(self) -> None:
        """Deposit money and leave one bet open, before the door is closed."""
        assert self.pay("deposit", "first").status_code == 200
        assert self.pay("deposit", "second", "SPORTS_NORMAL").status_code == 200
        assert self.bet("authorize", "first").status_code == 200

    def close_the_door(self) -> None:
        headers = {"Authorization": "Bearer admin-token", "Idempotency-Key": "close"}
        assert (
            self.gateway.client.put(
                "/api/v1/maintenance", json={"is_active": True}, headers=headers
            ).status_code
            == 200
        )

    def ledger_rows(self) -> int:
        with psycopg.connect(self.database.superuser_dsn) as connection:
            row = connection.execute(LEDGER_ROWS.encode()).fetchone()
        assert row is not None
        return int(row[0])

    def issue_pass(self, token: str) -> None:
        values = (hashlib.sha256(token.encode()).digest(), BRAND, PLAYER)
        with psycopg.connect(self.database.dsn("rubyops_ops"), autocommit=True) as operator:
            operator.execute("SELECT wallet.advance_fence(1)")
            operator.execute(
                (
                    "SELECT wallet.issue_canary_pass(%s, 'run', 1, %s, %s,"
                    " now() + interval '1 minute')"
                ),
                values,
            )


@pytest.fixture
def platform(platform_db: TestDatabase) -> Iterator[Platform]:
    with ExitStack() as stack:
        urls: dict[str, str] = {}
        for process in (
            WALLET_SERVICE,
            GAME_SERVICE,
            PLAYER_SERVICE,
            GATEWAY,
        ):
            served = stack.enter_context(serving(load(process), platform_db, **urls))
            urls[f"{process.upper()}_URL"] = str(served.client.base_url).rstrip("/")
            if process == WALLET_SERVICE:
                activate_split(served.context.database)
            if process == PLAYER_SERVICE:
                body = {"player_id": str(PLAYER), "currency": "EUR", "canary": True}
                assert (
                    served.client.post(
                        "/internal/players", json=body, headers=internal("rubyops")
                    ).status_code
                    == 201
                )
        yield Platform(served, platform_db)


@pytest.mark.parametrize("level", FREEZE_LEVELS)
def test_a_junk_token_opens_neither_maintenance_nor_freeze(platform: Platform, level: str) -> None:
    platform.play()
    before = platform.ledger_rows()
    platform.close_the_door()
    platform.gateway.freeze(level)
    assert set(platform.ask_everything("junk").values()) == {(403, CANARY_TOKEN_INVALID)}
    assert platform.ledger_rows() == before


def test_a_pass_opens_both(platform: Platform) -> None:
    platform.play()
    platform.close_the_door()
    platform.gateway.freeze(SEALED)
    platform.issue_pass("pass")
    refused = {
        command: answer
        for command, answer in platform.ask_everything("pass").items()
        if answer[0] != 200
    }
    assert refused == {
        command: (409, "INSUFFICIENT_FUNDS") for command in ("authorize", "wallet-withdrawal")
    }, "all was staked already"
