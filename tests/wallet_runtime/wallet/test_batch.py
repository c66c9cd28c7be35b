"""Batches: many commands in two round trips.

Each command keeps its own answer, refusal and request id, and a failed command changes no other.
"""

import threading
import time
from typing import Any
from uuid import uuid4, uuid5

import psycopg
import pytest

from tests.wallet_runtime.wallet.conftest import Player
from wallet_runtime.plumbing.errors import ApiError, PayloadMismatch
from wallet_runtime.plumbing.runtime.database import Database
from wallet_runtime.wallet.domain import bets, cash
from wallet_runtime.wallet.domain.reads import Reads
from wallet_runtime.wallet.domain.state import Request
from wallet_runtime.wallet.store.batch import COMMANDS_MAX, BatchItem, perform_many
from wallet_runtime.wallet.store.money import money_of

MINUS_ALL = "UPDATE wallet.wallet_bucket SET balance = 0 WHERE player_id = %s"


@pytest.fixture
def players(wallet: Database) -> list[Player]:
    """Four players with 10.00 each in SPORTS_NORMAL."""
    found = [Player(money_of(wallet)) for _ in range(4)]
    for one in found:
        one.perform(cash.deposit, cash.Deposit(1_000, "EUR", "SPORTS_NORMAL"))
    return found


def item(
    player: Player, rule: Any, command: Any, name: str, *, fingerprint: str = "ab"
) -> BatchItem:
    """Return a batch's command on a bet of this player."""
    transaction = uuid5(player.player_id, f"{rule.__name__} {name}")
    request = Request(
        player.brand_id, player.player_id, "test", rule.__name__, name, fingerprint, transaction
    )
    reads = Reads(provider_id="mocksports", bet_id=command.bet_id, with_locks=True)
    return BatchItem(request, reads, lambda state, pair: rule(request, command, state, pair))


def bet(player: Player, name: str, stake: int = 100, **how: Any) -> BatchItem:
    """Return a batch's authorization."""
    return item(
        player,
        bets.authorize,
        bets.Authorize("mocksports", "SPORTS", f"{player.player_id}-{name}", "r", stake, "EUR"),
        name,
        **how,
    )


def result(player: Player, name: str, payout: str = "2.50") -> BatchItem:
    """Return a batch's settlement."""
    return item(
        player, bets.settle, bets.Settle("mocksports", f"{player.player_id}-{name}", payout), name
    )


def statuses(results: list[Any]) -> list[Any]:
    """Return the status of each result, or the code of its error."""
    return [found.code if isinstance(found, ApiError) else found[0] for found in results]


def held(look: psycopg.Connection, player: Player) -> int:
    """Return the balance of the player's SPORTS_NORMAL."""
    row = look.execute(
        "SELECT balance FROM wallet.wallet_bucket WHERE player_id = %s", [player.player_id]
    ).fetchone()
    assert row is not None
    return int(row[0])


def test_a_batch_does_what_each_command_would_alone(
    players: list[Player], look: psycopg.Connection
) -> None:
    money = players[0].money
    assert statuses(perform_many(money, [bet(player, "b1") for player in players])) == [200] * 4
    assert statuses(perform_many(money, [result(player, "b1") for player in players])) == [200] * 4
    assert [held(look, player) for player in players] == [1_150] * 4
    assert look.execute("SELECT count(*) FROM wallet.ledger_drift").fetchone() == (0,)
    assert look.execute(
        "SELECT count(*) FROM wallet.wallet_outbox WHERE event_type = 'BET_SETTLED_CONFIRMED'"
    ).fetchone() == (4,)


def test_what_one_is_refused_takes_nothing_from_the_others(
    players: list[Player], look: psycopg.Connection
) -> None:
    items = [
        bet(players[0], "b1"),
        bet(players[1], "b1", stake=5_000),
        result(players[2], "unknown"),
        bet(players[3], "b1"),
    ]
    assert statuses(perform_many(players[0].money, items)) == [
        200,
        409,
        "AUTHORIZATION_NOT_FOUND",
        200,
    ]
    assert [held(look, player) for player in players] == [900, 1_000, 1_000, 900]


def test_a_command_that_the_database_refuses_is_alone_in_it(
    players: list[Player], look: psycopg.Connection
) -> None:
    """The rules decide on a balance that is gone when the batch is applied.

    The database's constraint refuses this command and no other command of the batch.
    """
    victim = bet(players[1], "b1")
    decide = victim.decide

    def after_the_money_is_gone(state: Any, pair: Any) -> Any:
        look.execute(MINUS_ALL, [players[1].player_id])
        return decide(state, pair)

    victim.decide = after_the_money_is_gone
    found = perform_many(players[0].money, [bet(players[0], "b1"), victim, bet(players[2], "b1")])
    assert statuses(found) == [200, "INVARIANT_REFUSED", 200]
    assert [held(look, player) for player in players[:3]] == [900, 0, 900]
    assert look.execute(
        "SELECT count(*) FROM wallet.wallet_idempotency WHERE route = 'authorize'"
    ).fetchone() == (2,)


def test_commands_of_one_player_follow_one_another(
    players: list[Player], look: psycopg.Connection
) -> None:
    player = players[0]
    items = [
        bet(player, "b1", 600),
        bet(player, "b2", 600),
        bet(player, "b3", 400),
        result(player, "b1", "0"),
        bet(players[1], "b1"),
    ]
    found = perform_many(player.money, items)
    assert statuses(found) == [200, 409, 200, 200, 200]
    assert not isinstance(found[1], ApiError) and found[1][1]["code"] == "INSUFFICIENT_FUNDS"
    assert held(look, player) == 0


def test_a_repeat_of_a_batch_gives_the_first_answers(
    players: list[Player], look: psycopg.Connection
) -> None:
    money = players[0].money
    first = perform_many(
        money, [bet(players[0], "b1"), bet(players[1], "b1", 5_000), bet(players[2], "b1")]
    )
    again = perform_many(
        money,
        [
            bet(players[0], "b1"),
            bet(players[1], "b1", 5_000),
            bet(players[2], "b1", fingerprint="cd"),
            bet(players[3], "b1"),
        ],
    )
    assert again[:2] == first[:2]
    assert isinstance(again[2], PayloadMismatch)
    assert [held(look, player) for player in players] == [900, 1_000, 900, 900]


def test_batches_and_single_commands_on_the_same_players_lose_nothing(
    players: list[Player], look: psycopg.Connection
) -> None:
    """Eight concurrent callers send their players in opposite orders.

    No bet is lost or doubled, and no deadlock stops a caller.
    """
    money, found = players[0].money, []

    def play(number: int) -> None:
        order = players if number % 2 else players[::-1]
        for turn in range(5):
            found.extend(
                statuses(
                    perform_many(money, [bet(player, f"{number}-{turn}", 10) for player in order])
                )
            )

    callers = [threading.Thread(target=play, args=[number]) for number in range(8)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(60)
    taken = found.count(200)
    assert len(found) == 160 and set(found) <= {200, "BUSY"} and taken > 0
    assert sum(held(look, player) for player in players) == 4_000 - 10 * taken
    assert look.execute("SELECT count(*) FROM wallet.ledger_drift").fetchone() == (0,)


def test_a_batch_does_not_add_up_what_it_waits_for_each_player(
    players: list[Player], look: psycopg.Connection
) -> None:
    """One bound holds for all waits of a batch, because a waiting batch keeps its locks."""
    players.sort(key=lambda player: (player.brand_id, player.player_id))
    items = [bet(player, "b1") for player in players]
    with look.transaction():
        look.execute(
            "SELECT FROM wallet.wallet_player WHERE player_id = ANY (%s) FOR UPDATE",
            [[one.player_id for one in players[1:]]],
        )
        started = time.monotonic()
        assert statuses(perform_many(players[0].money, items)) == [200, "BUSY", "BUSY", "BUSY"]
        assert time.monotonic() - started < 5.5
    assert (
        statuses(perform_many(players[0].money, [bet(player, "b1") for player in players]))
        == [200] * 4
    )


def test_a_batch_is_bounded(wallet: Database, look: psycopg.Connection) -> None:
    with pytest.raises(psycopg.Error, match="at most 50"):
        look.execute(
            (
                "SELECT wallet.apply_commands((SELECT jsonb_agg('{}'::jsonb) FROM"
                " generate_series(1, %s)))"
            ),
            [COMMANDS_MAX + 1],
        )
    assert perform_many(money_of(wallet), []) == []


def test_an_unknown_player_is_his_own_refusal(players: list[Player]) -> None:
    stranger = bet(players[0], "b1")
    stranger.request = Request(uuid4(), uuid4(), "test", "authorize", "x", "ab", uuid4())
    assert statuses(perform_many(players[0].money, [stranger, bet(players[1], "b1")])) == [
        "PLAYER_NOT_FOUND",
        200,
    ]
