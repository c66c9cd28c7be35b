"""Transfers and revocations: turnover moves with the money, the wallet hears of each end."""

from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from tests.cluster import TestDatabase
from tests.wallet_runtime.events import Player
from tests.wallet_runtime.line import Line, Look
from tests.wallet_runtime.processes import open_process
from tests.wallet_runtime.serving import FarService, serving
from wallet_runtime.contract.codes import OPEN_STAKES
from wallet_runtime.contract.documents import RUBY_SPLIT_V1
from wallet_runtime.contract.events import ROLLING_CANCELED, ROLLING_REVOKED, TRANSFER_COMPLETED
from wallet_runtime.contract.processes import ROLLING_WORKER, WALLET_SERVICE
from wallet_runtime.plumbing.errors import PassedThrough
from wallet_runtime.plumbing.http.service_client import ServiceClient
from wallet_runtime.plumbing.runtime.database import Database
from wallet_runtime.rolling import store
from wallet_runtime.rolling.worker.completion import CLOSE_PATH, CompletionRetry

ROLLINGS = """
SELECT bucket_type_code, target_turnover, turnover, state, provider_types
  FROM rolling.player_rolling WHERE player_id = %s
 ORDER BY bucket_type_code DESC, target_turnover
"""
CASINO = ["LIVE", "SLOTS"]


def transfer(
    line: Line, player: Player, amount: int, balance: int, *rollings: tuple[UUID, UUID]
) -> None:
    payload = {
        "transfer_id": "t1",
        "topology_code": RUBY_SPLIT_V1,
        "from_bucket": "SPORTS_NORMAL",
        "to_bucket": "CASINO_NORMAL",
        "provider_types": CASINO,
        "currency": "KRW",
        "amount": str(amount),
        "balance": str(balance),
        "rollings": [
            {"rolling_id": str(rolling_id), "becomes": str(becomes)}
            for rolling_id, becomes in rollings
        ],
    }
    line.wallet.write(player, TRANSFER_COMPLETED, payload)


def test_a_part_goes_along_and_a_rollback_still_takes_exactly_its_bet_back(
    line: Line, look: Look
) -> None:
    player = Player()
    rolling_id = line.wallet.require(player, 100)
    bet = line.wallet.settle(player, 30)
    transfer(line, player, 1, 3, (rolling_id, uuid4()))
    line.run()
    assert look(ROLLINGS, player.player_id) == [
        ("SPORTS_NORMAL", 77, 30, "ACTIVE", ["SPORTS"]),
        ("CASINO_NORMAL", 24, 0, "ACTIVE", CASINO),
    ]
    line.wallet.roll_back(player, bet)
    line.run()
    assert [row[1:3] for row in look(ROLLINGS, player.player_id)] == [(77, 0), (24, 0)]


def test_a_whole_rolling_moves_with_what_was_counted_for_it(line: Line, look: Look) -> None:
    player = Player()
    rolling_id = line.wallet.require(player, 100)
    bet = line.wallet.settle(player, 30)
    transfer(line, player, 50, 50, (rolling_id, rolling_id))
    line.wallet.settle(player, 70)
    line.run()
    assert look(ROLLINGS, player.player_id) == [("CASINO_NORMAL", 100, 30, "ACTIVE", CASINO)]
    line.wallet.roll_back(player, bet)
    line.run()
    assert look(ROLLINGS, player.player_id) == [("CASINO_NORMAL", 100, 0, "ACTIVE", CASINO)]


def test_a_part_of_less_than_a_unit_owes_a_unit(line: Line, look: Look) -> None:
    player = Player()
    rolling_id = line.wallet.require(player, 1)
    transfer(line, player, 1, 2, (rolling_id, uuid4()))
    line.run()
    assert [row[:4] for row in look(ROLLINGS, player.player_id)] == [
        ("SPORTS_NORMAL", 1, 0, "ACTIVE"),
        ("CASINO_NORMAL", 1, 0, "ACTIVE"),
    ]
    assert look("SELECT rolling_id FROM rolling.rolling_retry") == []


def test_a_generated_rolling_asks_for_the_rest(line: Line, look: Look) -> None:
    player = Player()
    rolling_id, part = line.wallet.require(player, 100), uuid4()
    transfer(line, player, 1, 4, (rolling_id, part))
    line.wallet.require(player, 60, bucket="CASINO_NORMAL", beside=[str(part)])
    line.run()
    assert [row[:2] for row in look(ROLLINGS, player.player_id)] == [
        ("SPORTS_NORMAL", 75),
        ("CASINO_NORMAL", 25),
        ("CASINO_NORMAL", 35),
    ]


def test_a_transfer_of_a_rolling_that_is_not_there_is_set_aside(line: Line, look: Look) -> None:
    transfer(line, Player(), 1, 2, (uuid4(), uuid4()))
    line.run()
    assert look("SELECT reason FROM rolling.rolling_dead_letter") == [("FAILED",)]


@pytest.mark.parametrize("stake", [0, 100])
def test_a_revoked_rolling_ends_without_completion(line: Line, look: Look, stake: int) -> None:
    player = Player()
    rolling_id = line.wallet.require(player, 100)
    if stake:
        line.wallet.settle(player, stake)
    for _ in range(2):
        line.wallet.write(
            player,
            ROLLING_REVOKED,
            {"rolling_id": str(rolling_id), "state": "CANCELED", "transaction_id": "x"},
        )
    line.run()
    assert look("SELECT state, closed_by FROM rolling.player_rolling") == [("CANCELED", "wallet")]
    assert look("SELECT count(*) FROM rolling.rolling_retry") == [(0,)]
    assert look("SELECT event_type FROM rolling.rolling_outbox") == [(ROLLING_CANCELED,)]


def test_the_wallet_is_told_of_a_canceled_rolling(
    platform_db: TestDatabase,
    redis_url: str,
    line: Line,
    look: Look,
    rolling_db: Database,
    superuser: psycopg.Connection[Any],
) -> None:
    player = Player()
    rolling_id = line.wallet.require(player, 100)
    line.run()
    with rolling_db.transaction() as session:
        assert store.cancel(session, player.brand_id, rolling_id, closed_by="admin_service")
    wallet_service = FarService(WALLET_SERVICE)
    wallet_service.answers[CLOSE_PATH] = PassedThrough(
        409, OPEN_STAKES, "open bets hold 1", details={}
    )
    with serving(wallet_service.service()) as served:
        url = str(served.client.base_url)
        with open_process(
            ROLLING_WORKER, platform_db, redis_url, WALLET_SERVICE_URL=url
        ) as context:
            retry = CompletionRetry(context.database, ServiceClient(context))
            assert retry.turn() == 1
            assert look("SELECT failures, refusals FROM rolling.rolling_retry") == [(0, 1)]
            assert retry.health() == "ok"
            wallet_service.answers.clear()
            superuser.execute("UPDATE rolling.rolling_retry SET next_at = now()")
            assert retry.turn() == 1
    first, second = wallet_service.calls
    assert (second.route, second.body["state"], second.body["rolling_id"]) == (
        CLOSE_PATH,
        "CANCELED",
        str(rolling_id),
    )
    assert (
        first.request_id == f"rolling-close-{rolling_id}"
        and second.request_id == f"rolling-close-{rolling_id}-1"
    )
    assert look("SELECT count(*) FROM rolling.rolling_retry") == [(0,)]
    assert look("SELECT state FROM rolling.player_rolling") == [("CANCELED",)]
