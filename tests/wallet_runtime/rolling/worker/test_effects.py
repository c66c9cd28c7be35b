"""Each event of the wallet and its effect on rollings, on real servers (RS-8)."""

from typing import Any

import psycopg

from tests.wallet_runtime.events import Player
from tests.wallet_runtime.line import Line, Look
from tests.wallet_runtime.serving import as_the_wallet

TURNOVER = "SELECT turnover, state FROM rolling.player_rolling WHERE rolling_id = %s"


def test_a_required_rolling_is_created_with_the_wallets_id(line: Line, look: Look) -> None:
    player = Player(3)
    rolling_id = line.wallet.require(player, 500, multiplier="2.5", remarks="coupon_log:7")
    line.run()
    row = look(
        "SELECT brand_id, player_id, state, required_turnover, target_turnover, turnover,"
        " multiplier::text, remarks, coupon_log_id, "
        "provider_types FROM rolling.player_rolling WHERE rolling_id = %s",
        rolling_id,
    )
    assert row == [
        (
            player.brand_id,
            player.player_id,
            "ACTIVE",
            500,
            500,
            0,
            "2.5",
            "coupon_log:7",
            None,
            ["SPORTS"],
        )
    ]


def test_bets_fill_rollings_oldest_first_and_a_rollback_takes_exactly_that_back(
    line: Line, look: Look
) -> None:
    player = Player()
    first, second = line.wallet.require(player, 100), line.wallet.require(player, 100)
    line.wallet.settle(player, 70)
    bet = line.wallet.settle(player, 60)
    line.run()
    assert look(TURNOVER, first) + look(TURNOVER, second) == [(100, "COMPLETING"), (30, "ACTIVE")]
    assert look("SELECT rolling_id, attempts FROM rolling.rolling_retry") == [(first, 0)]
    line.wallet.roll_back(player, bet)
    line.run()
    assert look(TURNOVER, first) + look(TURNOVER, second) == [(70, "ACTIVE"), (0, "ACTIVE")]
    assert look("SELECT count(*) FROM rolling.rolling_retry") == [(0,)]
    assert look("SELECT count(*) FROM rolling.rolling_turnover WHERE reversed_at IS NOT NULL") == [
        (2,)
    ]


def test_a_bet_that_does_not_count_adds_nothing_and_its_rollback_takes_nothing(
    line: Line, look: Look
) -> None:
    player = Player()
    rolling_id = line.wallet.require(player, 100)
    line.wallet.settle(player, 30)
    bet = line.wallet.settle(player, 50, payout="50", counts=False)
    line.run()
    assert look(TURNOVER, rolling_id) == [(30, "ACTIVE")]
    line.wallet.roll_back(player, bet)
    line.run()
    assert look(TURNOVER, rolling_id) == [(30, "ACTIVE")]
    assert look("SELECT count(*) FROM rolling.rolling_turnover") == [(1,)]


def test_a_rolled_back_bet_that_was_never_settled_changes_nothing(line: Line, look: Look) -> None:
    player = Player()
    rolling_id = line.wallet.require(player, 100)
    bet = line.wallet.settle(player, 10)
    line.wallet.roll_back(player, bet, was="AUTHORIZED")
    line.run()
    assert look(TURNOVER, rolling_id) == [(10, "ACTIVE")]


def test_turnover_reversed_after_completion_leaves_completed_and_a_finding(
    line: Line, look: Look, superuser: psycopg.Connection[Any]
) -> None:
    player = Player()
    rolling_id = line.wallet.require(player, 50)
    bet = line.wallet.settle(player, 50)
    line.run()
    as_the_wallet(
        superuser, "UPDATE rolling.player_rolling SET state = 'COMPLETED'", role="rolling_worker"
    )
    superuser.execute("DELETE FROM rolling.rolling_retry")
    line.wallet.roll_back(player, bet)
    line.run()
    assert look(TURNOVER, rolling_id) == [(50, "COMPLETED")]
    assert look("SELECT rolling_id, kind, amount, status FROM rolling.rolling_finding") == [
        (rolling_id, "TURNOVER_REVERSED_AFTER_COMPLETION", 50, "OPEN")
    ]


def test_a_completion_that_the_wallet_was_asked_for_stands(
    line: Line, look: Look, superuser: psycopg.Connection[Any]
) -> None:
    player = Player()
    rolling_id = line.wallet.require(player, 50)
    bet = line.wallet.settle(player, 50)
    line.run()
    superuser.execute("UPDATE rolling.rolling_retry SET attempts = 1")
    line.wallet.roll_back(player, bet)
    line.run()
    assert look(TURNOVER, rolling_id) == [(50, "COMPLETING")]
    assert look("SELECT count(*) FROM rolling.rolling_finding") == [(1,)]
