"""Signatures, sessions, idempotency keys and tokens that requests bring to the gateway."""

import json
import time
from uuid import UUID

import psycopg
import pytest

from tests.cluster import TestDatabase
from tests.wallet_runtime.gateway.door import BODIES, MONEY, SESSION, Door, code_of, door
from tests.wallet_runtime.serving import BRAND, PLAYER, provider
from wallet_runtime.contract.codes import CANARY_TOKEN_INVALID
from wallet_runtime.contract.freeze import FREEZE_LEVELS
from wallet_runtime.contract.headers import FENCE_HEADER
from wallet_runtime.plumbing.http.auth import issue_session
from wallet_runtime.plumbing.runtime.settings import SecretBytes

__all__ = ["door"]


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Provider-Signature": ""},
        {"X-Provider-Signature": "not a signature"},
        {"X-Brand-Id": str(PLAYER)},
        {"X-Request-Id": "another"},
        {"X-Provider-Id": "mocklive"},
        {"X-Provider-Id": "unknown"},
        {"X-Provider-Id": ""},
    ],
)
def test_a_signature_that_does_not_fit_is_a_401(door: Door, headers: dict[str, str]) -> None:
    assert code_of(door.bet("authorize", **headers)) == (401, "UNAUTHORIZED")
    assert not door.game.calls


def test_a_signature_is_for_one_route_and_one_body(door: Door) -> None:
    raw = json.dumps(BODIES["settle"]).encode()
    headers = provider("mocksports", "/v2/bets/settle", raw)
    client = door.gateway.client
    assert client.post("/v2/bets/settle", content=raw, headers=headers).status_code == 200
    assert (
        client.post(
            "/v2/bets/settle", content=raw.replace(b'"0"', b'"9"'), headers=headers
        ).status_code
        == 401
    )
    assert client.post("/v2/bets/rollback", content=raw, headers=headers).status_code == 401
    assert len(door.game.calls) == 1


PASS = (
    "INSERT INTO wallet.wallet_canary_pass SELECT sha256('pass-1'), 'run', fence_token + %s, %s,"
    " %s, now() + %s FROM wallet.wallet_gate"
)


def test_a_canarys_pass_is_shown_on_for_the_wallet_to_judge(
    door: Door, platform_db: TestDatabase
) -> None:
    door.gateway.freeze("sealed")
    with psycopg.connect(platform_db.superuser_dsn, autocommit=True) as operator:
        operator.execute(PASS, [0, BRAND, PLAYER, "1 minute"])
    assert door.bet("authorize", **{"X-Canary-Token": "pass-1"}).status_code == 200
    assert door.pay("deposit", **{"X-Canary-Token": "pass-1"}).status_code == 200
    assert (door.game.calls[0].canary_token, door.player.calls[0].canary_token) == (
        "pass-1",
        "pass-1",
    )


@pytest.mark.parametrize("level", FREEZE_LEVELS)
@pytest.mark.parametrize(
    ("overtaken_by", "brand", "player", "lasts"),
    [
        (1, BRAND, PLAYER, "1 minute"),
        (0, PLAYER, PLAYER, "1 minute"),
        (0, BRAND, BRAND, "1 minute"),
        (0, BRAND, PLAYER, "-1 minute"),
    ],
    ids=["another run", "another brand", "another player", "expired"],
)
def test_a_canary_token_that_is_no_pass_goes_no_further(
    door: Door,
    platform_db: TestDatabase,
    level: str,
    overtaken_by: int,
    brand: UUID,
    player: UUID,
    lasts: str,
) -> None:
    door.gateway.freeze(level)
    with psycopg.connect(platform_db.superuser_dsn, autocommit=True) as operator:
        operator.execute(PASS, [overtaken_by, brand, player, lasts])
    for token in ("pass-1", "junk"):
        answers = [
            door.bet("authorize", **{"X-Canary-Token": token}),
            door.pay("deposit", **{"X-Canary-Token": token}),
        ]
        assert [code_of(answer) for answer in answers] == [(403, CANARY_TOKEN_INVALID)] * 2
    assert not door.game.calls and not door.player.calls


def test_an_error_names_the_key_that_the_player_sent(door: Door) -> None:
    door.gateway.freeze("ingress")
    for headers in ({}, {"X-Request-Id": "r-1"}):
        assert door.pay("deposit", **headers).json()["request_id"] == "k1"
    assert door.bet("authorize", request_id="r-2").json()["request_id"] == "r-2"


def test_a_players_money_needs_an_idempotency_key(door: Door) -> None:
    given = {"Authorization": f"Bearer {SESSION}", "X-Brand-Id": str(BRAND)}
    answer = door.gateway.client.post("/api/v1/player/wallet/deposit", json=MONEY, headers=given)
    assert code_of(answer) == (400, "IDEMPOTENCY_KEY_REQUIRED")
    assert code_of(door.pay("deposit", **{"Idempotency-Key": "k" * 201})) == (422, "INVALID")


@pytest.mark.parametrize(
    "session",
    [
        ".",
        "x",
        "a.b.c.d",
        SESSION[:-1] + ("0" if SESSION[-1] != "0" else "1"),
        SESSION.replace(str(PLAYER), str(BRAND)),
        issue_session(SecretBytes("session-key"), BRAND, PLAYER, int(time.time()) - 1),
        issue_session(SecretBytes("another-key"), BRAND, PLAYER, int(time.time()) + 60),
    ],
)
def test_a_session_that_is_not_good_is_a_401(door: Door, session: str) -> None:
    assert code_of(door.pay("deposit", Authorization=f"Bearer {session}")) == (401, "UNAUTHORIZED")
    assert code_of(door.pay("deposit", Authorization=session)) == (401, "UNAUTHORIZED")


def test_a_session_of_another_brand_is_refused(door: Door) -> None:
    assert code_of(door.pay("deposit", **{"X-Brand-Id": str(PLAYER)})) == (403, "FORBIDDEN")
    assert not door.player.calls


def test_a_fencing_token_of_an_outsider_goes_no_further(door: Door) -> None:
    assert door.bet("settle", **{FENCE_HEADER: "7"}).status_code == 200
    assert door.pay("deposit", **{FENCE_HEADER: "no number"}).status_code == 200
    assert [call.fence_token for call in (*door.game.calls, *door.player.calls)] == [None, None]
