"""Rollbacks of settled bets, and the ends of bonuses, on a real database.

Winnings and bonuses are taken back whole, or the command is refused.
"""

from typing import Any

import psycopg
import pytest

from tests.wallet_runtime.wallet.conftest import Player, turn_over
from tests.wallet_runtime.wallet.movements import (
    STAKES,
    authorize,
    code,
    deposit,
    held,
    issue,
    obligations,
    release,
    settle,
    settled_winner,
)
from wallet_runtime.wallet.domain import bets, bonus, rolling, transfers

BET = {"provider_id": "mocksports", "bet_id": "b1"}
TAKE_BACK: dict[str, Any] = BET | {"with_winnings": True}
ROLLBACK = bets.Rollback("mocksports", "b1")

# --- rollbacks of settled bets


def test_whole_winnings_are_taken_back(player: Player, look: psycopg.Connection) -> None:
    settled_winner(player)
    deposit(player, 70)
    authorize(player, 70, "b2")
    assert player.perform(bets.rollback, ROLLBACK, **TAKE_BACK)[0] == 200
    assert held(look) == {"SPORTS_NORMAL": 100}


def spend(player: Player) -> None:
    authorize(player, 1, "b2")


def lose(player: Player) -> None:
    authorize(player, 250, "b2")
    settle(player, "0", "b2")


@pytest.mark.parametrize("how", ["spent", "lost", "released", "transferred"])
def test_winnings_that_have_gone_are_refused_although_other_money_came_in(
    player: Player, look: psycopg.Connection, how: str
) -> None:
    settled_winner(player)
    if how == "released":
        release(player, look)
    elif how == "transferred":
        player.perform(
            transfers.transfer,
            transfers.Transfer("SPORTS_NORMAL", "CASINO_NORMAL", 1, "EUR"),
            **STAKES,
        )
    else:
        (spend if how == "spent" else lose)(player)
    deposit(player, 10_000)
    before = held(look)
    for _ in range(2):
        assert code(player.perform(bets.rollback, ROLLBACK, **TAKE_BACK)) == (409, "WINNINGS_SPENT")
    assert held(look) == before
    assert look.execute(
        "SELECT kind, status, details->>'bet_id' FROM wallet.wallet_finding"
    ).fetchall() == [("ROLLBACK_REFUSED", "OPEN", "b1")]


def test_a_bet_that_was_rolled_back_since_has_not_spent_the_winnings(
    player: Player, look: psycopg.Connection
) -> None:
    settled_winner(player)
    authorize(player, 200, "b2")
    player.perform(
        bets.rollback,
        bets.Rollback("mocksports", "b2"),
        provider_id="mocksports",
        bet_id="b2",
        with_winnings=True,
    )
    assert player.perform(bets.rollback, ROLLBACK, **TAKE_BACK)[0] == 200
    assert held(look) == {"SPORTS_NORMAL": 100}


def test_two_winners_are_taken_back_one_after_the_other(
    player: Player, look: psycopg.Connection
) -> None:
    settled_winner(player)
    authorize(player, 50, "b2")
    settle(player, "1.00", "b2")
    assert held(look) == {"SPORTS_NORMAL": 300}
    second = player.perform(
        bets.rollback,
        bets.Rollback("mocksports", "b2"),
        provider_id="mocksports",
        bet_id="b2",
        with_winnings=True,
    )
    assert second[0] == 200
    assert player.perform(bets.rollback, ROLLBACK, **TAKE_BACK)[0] == 200
    assert held(look) == {"SPORTS_NORMAL": 100}


# --- bonuses


def test_a_bonus_goes_and_comes_back(player: Player, look: psycopg.Connection) -> None:
    name = issue(player)
    assert obligations(look) == [("SPORTS_BONUS", 100, None, "ACTIVE")]
    for _ in range(2):
        assert player.perform(bonus.reverse, bonus.End(name), bonus_id=name, **STAKES)[0] == 200
    assert held(look) == {}
    assert obligations(look) == [("SPORTS_BONUS", 100, None, "CANCELED")]
    assert look.execute("SELECT state FROM wallet.wallet_bonus").fetchall() == [("REVERSED",)]
    assert look.execute(
        "SELECT sum(delta)::bigint FROM wallet.wallet_counter_entry WHERE account = 'PROMO'"
    ).fetchone() == (0,)


def test_a_spent_bonus_is_not_reversed_although_another_filled_the_bucket(
    player: Player, look: psycopg.Connection
) -> None:
    first = issue(player)
    authorize(player, 60)
    assert code(player.perform(bonus.reverse, bonus.End(first), bonus_id=first, **STAKES)) == (
        409,
        "OPEN_STAKES",
    )
    settle(player, "0")
    second = issue(player, 500)
    assert code(player.perform(bonus.reverse, bonus.End(first), bonus_id=first, **STAKES)) == (
        409,
        "BONUS_SPENT",
    )
    assert player.perform(bonus.reverse, bonus.End(second), bonus_id=second, **STAKES)[0] == 200
    assert held(look) == {"SPORTS_BONUS": 40}
    assert (
        player.perform(bonus.expire, bonus.End(first), bonus_id=first, **STAKES)[1]["taken_back"]
        == "0.40"
    )
    assert held(look) == {}


def test_a_completed_bonus_is_released_up_to_its_cap(
    player: Player, look: psycopg.Connection
) -> None:
    name = issue(player, 100, max_release=80)
    release(player, look)
    assert held(look) == {"WITHDRAWABLE": 80}
    assert look.execute("SELECT state FROM wallet.wallet_bonus").fetchall() == [("COMPLETED",)]
    assert code(player.perform(bonus.reverse, bonus.End(name), bonus_id=name, **STAKES)) == (
        409,
        "BONUS_NOT_OPEN",
    )


def test_caps_of_two_bonuses_add_up(player: Player, look: psycopg.Connection) -> None:
    issue(player, 100, max_release=80)
    issue(player, 200, max_release=150)
    for _ in range(2):
        (rolling_id,) = look.execute(  # type: ignore[misc]
            "SELECT rolling_id::text FROM wallet.wallet_rolling_obligation WHERE state = 'ACTIVE'"
            " ORDER BY amount"
        ).fetchone()
        turn_over(look)
        player.perform(rolling.complete, rolling.Complete(rolling_id), rolling_id=rolling_id)
    assert held(look) == {"WITHDRAWABLE": 230}


def test_a_lapsed_rolling_ends_its_bonus(player: Player, look: psycopg.Connection) -> None:
    issue(player)
    (rolling_id,) = look.execute(
        "SELECT rolling_id::text FROM wallet.wallet_rolling_obligation"
    ).fetchone()  # type: ignore[misc]
    answer = player.perform(
        rolling.close, rolling.Close(rolling_id, "EXPIRED"), rolling_id=rolling_id, **STAKES
    )
    assert answer[1]["taken_back"] == "1.00"
    assert held(look) == {} and look.execute(
        "SELECT state FROM wallet.wallet_bonus"
    ).fetchall() == [("EXPIRED",)]
