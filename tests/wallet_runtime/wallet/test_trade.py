"""Cash into a bucket, rounds under bonus, turnover of bets, and seeds, on a real database."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from tests.wallet_runtime.wallet.conftest import Player
from wallet_runtime.plumbing.runtime.database import Database
from wallet_runtime.wallet.domain import bets, bonus, cash
from wallet_runtime.wallet.domain.cash import BucketInvalid
from wallet_runtime.wallet.store.documents import Documents
from wallet_runtime.wallet.store.money import money_of
from wallet_runtime.wallet.store.seeds import SeedRefused

HELD = (
    "SELECT account, balance FROM wallet.wallet_account WHERE player_id = %s AND balance <> 0"
    " ORDER BY account"
)
OWED = "SELECT bucket_type_code, amount FROM wallet.wallet_rolling_obligation WHERE player_id = %s"
COUNTED = (
    "SELECT payload->>'bet_id', payload->'counts' FROM wallet.wallet_outbox WHERE event_type ="
    " 'BET_SETTLED_CONFIRMED' AND player_id = %s"
)


def held(look: psycopg.Connection, player: Player) -> dict[str, int]:
    return {
        account.removeprefix("RUBY_SPLIT_V1/"): amount
        for account, amount in look.execute(HELD, [player.player_id]).fetchall()
    }


def code(answer: tuple[int, dict[str, Any]]) -> tuple[int, str]:
    return answer[0], str(answer[1].get("code", ""))


def to_bucket(
    player: Player, amount: int, bucket: str = "SPORTS_NORMAL", **more: Any
) -> tuple[int, dict[str, Any]]:
    return player.perform(cash.to_bucket, cash.ToBucket(amount, "EUR", bucket), **more)


def bet(
    player: Player, name: str, stake: int, round_id: str = "r1", price: str | None = None
) -> tuple[int, dict[str, Any]]:
    command = bets.Authorize("mocksports", "SPORTS", name, round_id, stake, "EUR", price)
    return player.perform(
        bets.authorize,
        command,
        request_id=name,
        provider_id="mocksports",
        bet_id=name,
        without_debts=True,
    )


def settle(player: Player, name: str, payout: str) -> None:
    reads = {"provider_id": "mocksports", "bet_id": name}
    assert (
        player.perform(
            bets.settle, bets.Settle("mocksports", name, payout), request_id=name, **reads
        )[0]
        == 200
    )


def test_cash_goes_into_a_bucket_and_owes_what_a_deposit_owes(
    player: Player, look: psycopg.Connection
) -> None:
    player.perform(cash.deposit, cash.Deposit(1_000, "EUR"))
    status, answer = to_bucket(player, 400)
    assert (status, answer["bucket"], answer["balance"]["available_real"]) == (
        200,
        "SPORTS_NORMAL",
        "6.00",
    )
    assert held(look, player) == {"CASH/AVAILABLE": 600, "SPORTS_NORMAL": 400}
    assert look.execute(OWED, [player.player_id]).fetchall() == [("SPORTS_NORMAL", 400)]
    moved = (
        "SELECT kind, from_account, to_account, amount FROM wallet.wallet_transfer WHERE player_id"
        " = %s"
    )
    expected = [("DEPOSIT", "CASH/AVAILABLE", "RUBY_SPLIT_V1/SPORTS_NORMAL", 400)]
    assert look.execute(moved, [player.player_id]).fetchall() == expected
    assert look.execute(
        "SELECT count(*) FROM wallet.conservation WHERE difference <> 0"
    ).fetchone() == (0,)


def test_cash_beyond_what_there_is_and_buckets_that_take_none_move_nothing(
    player: Player, look: psycopg.Connection
) -> None:
    player.perform(cash.deposit, cash.Deposit(1_000, "EUR"))
    assert code(to_bucket(player, 1_001)) == (409, "INSUFFICIENT_FUNDS")
    for bucket in ("WITHDRAWABLE", "SPORTS_BONUS", "POINTS", "NOWHERE"):
        with pytest.raises(BucketInvalid):
            to_bucket(player, 1, bucket)
    look.execute(
        "UPDATE wallet.wallet_player SET status = 'blocked' WHERE player_id = %s",
        [player.player_id],
    )
    assert code(to_bucket(player, 1)) == (409, "PLAYER_BLOCKED")
    assert held(look, player) == {"CASH/AVAILABLE": 1_000}


def test_one_request_moves_once_and_many_never_more_than_there_is(
    player: Player, look: psycopg.Connection
) -> None:
    player.perform(cash.deposit, cash.Deposit(1_000, "EUR"))
    first = to_bucket(player, 300, request_id="once")
    assert to_bucket(player, 300, request_id="once") == first
    with ThreadPoolExecutor(4) as pool:
        answers = list(
            pool.map(
                lambda number: code(to_bucket(player, 300, request_id=f"race-{number}")), range(4)
            )
        )
    assert sorted(answers) == [
        (200, ""),
        (200, ""),
        (409, "INSUFFICIENT_FUNDS"),
        (409, "INSUFFICIENT_FUNDS"),
    ]
    assert held(look, player) == {"CASH/AVAILABLE": 100, "SPORTS_NORMAL": 900}


def test_bets_of_a_round_that_come_at_once_keep_the_limit_together(
    player: Player, look: psycopg.Connection
) -> None:
    player.perform(bonus.issue, bonus.Issue("SPORTS_BONUS", 50_000, "EUR", str(uuid4()), None))
    with ThreadPoolExecutor(6) as pool:
        answers = [
            code(answer)
            for answer in pool.map(lambda number: bet(player, f"b{number}", 4_000), range(6))
        ]
    assert sorted(answers) == [(200, "")] * 2 + [(409, "MAX_BET_UNDER_BONUS")] * 4
    assert code(bet(player, "elsewhere", 10_000, "r2")) == (200, "")
    for name in look.execute(
        "SELECT bet_id FROM wallet.wallet_bet_authorization WHERE round_id = 'r1'"
    ).fetchall():
        settle(player, name[0], "0")
    assert code(bet(player, "later", 10_000)) == (200, ""), "what is settled is open no longer"


def test_what_counts_as_turnover_is_said_once_by_the_wallet(
    player: Player, look: psycopg.Connection
) -> None:
    player.perform(cash.deposit, cash.Deposit(1_000, "EUR", "SPORTS_NORMAL"))
    for name, payout in (("lost", "0"), ("push", "1.00"), ("won", "1.01")):
        assert bet(player, name, 100, name, "1.85")[0] == 200
        settle(player, name, payout)
    assert dict(look.execute(COUNTED, [player.player_id]).fetchall()) == {
        "lost": True,
        "push": False,
        "won": True,
    }
    fixed = (
        "SELECT DISTINCT policy_snapshot->>'counts', policy_snapshot->>'price' FROM"
        " wallet.wallet_bet_authorization"
    )
    assert look.execute(fixed).fetchall() == [("unless_push", "1.85")]


def test_a_seed_is_saved_with_its_policy_or_not_at_all(
    wallet: Database, look: psycopg.Connection
) -> None:
    with pytest.raises(
        SeedRefused, match="policy default version 1 is stored for RUBY_SPLIT_V1 version 1"
    ):
        Documents(wallet).seed("RUBY_UNIFIED_V1", "test")
    assert look.execute("SELECT DISTINCT code FROM wallet.wallet_topology").fetchall() == [
        ("RUBY_SPLIT_V1",)
    ]
    assert Documents(wallet).seed("RUBY_SPLIT_V1", "test") == []
    assert money_of(wallet) is not None
