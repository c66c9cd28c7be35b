"""The undo of a topology move on real servers: it restores everything, or is refused."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.wallet_runtime.moving import LIVE, Desk, desk, refused
from tests.wallet_runtime.serving import as_the_wallet
from tests.wallet_runtime.wallet.conftest import Player
from wallet_runtime.contract.documents import RUBY_SPLIT_V1, RUBY_UNIFIED_V1
from wallet_runtime.wallet.domain import bets, bonus, cash, coupons, points, rolling

__all__ = ["desk"]


def test_the_undo_brings_everything_back_as_it_was(desk: Desk) -> None:
    player = desk.rich_player()
    empty = desk.new_player()
    desk.line.run()
    before = desk.state()
    desk.seal()
    desk.batch("run-1")
    desk.activate(RUBY_UNIFIED_V1, RUBY_SPLIT_V1, "there")
    assert desk.state() != before
    assert desk.conflicts("run-1") == []
    desk.batch("run-2", undoes="run-1")
    assert desk.state() == before
    desk.activate(RUBY_SPLIT_V1, RUBY_UNIFIED_V1, "back")
    desk.seal("open")
    # The move and its undo left the bonus whole, so a reversal can still take it back.
    bonus_id = str(desk.look("SELECT bonus_id FROM wallet.wallet_bonus")[0][0])
    reversed_ = player.perform(
        bonus.reverse, bonus.End(bonus_id), bonus_id=bonus_id, with_stakes=True
    )
    assert (reversed_[0], reversed_[1]["taken_back"]) == (200, "3.00")
    moves = desk.look(
        "SELECT player_id, command, count(*) FROM wallet.wallet_ledger WHERE command LIKE"
        " 'TOPOLOGY%%' GROUP BY 1, 2 ORDER BY 2",
    )
    assert moves == [
        (player.player_id, "TOPOLOGY_MOVE", 8),
        (player.player_id, "TOPOLOGY_MOVE_UNDO", 8),
    ]
    assert empty.player_id not in {row[0] for row in moves}
    desk.seal()
    assert "no finished move" in refused(lambda: desk.batch("run-3", undoes="run-2"))


LOCKED = """
SELECT account, locked
  FROM (SELECT DISTINCT ON (account) account, locked
          FROM wallet.wallet_lock ORDER BY account, version DESC) l
 WHERE locked > 0 ORDER BY 1
"""


def test_locked_money_is_moved_and_brought_back_locked(desk: Desk) -> None:
    player = desk.rich_player()
    desk.line.run()
    for (name,) in desk.look(
        "SELECT rolling_id::text FROM wallet.wallet_rolling_obligation WHERE bucket_type_code"
        " LIKE '%%NORMAL' ORDER BY amount"
    ):
        assert (
            player.perform(rolling.close, rolling.Close(name, "EXPIRED"), rolling_id=name)[0] == 200
        )
        as_the_wallet(
            desk.superuser,
            "UPDATE rolling.player_rolling SET state = 'EXPIRED' WHERE rolling_id = %s",
            [name],
            "rolling_worker",
        )
    desk.line.run()
    before = desk.look(LOCKED)
    assert before == [("RUBY_SPLIT_V1/CASINO_NORMAL", 500), ("RUBY_SPLIT_V1/SPORTS_NORMAL", 800)]
    desk.seal()
    assert desk.batch("run-1")
    assert desk.look(LOCKED) == [("RUBY_UNIFIED_V1/NORMAL", 1_300)]
    assert desk.batch("run-2", undoes="run-1")
    assert desk.look(LOCKED) == before


def _deposit_elsewhere(desk: Desk, player: Player) -> str:
    other = desk.new_player()
    other.perform(cash.deposit, cash.Deposit(10, "EUR", "NORMAL"))
    return str(other.player_id)


def _deposit(desk: Desk, player: Player) -> str:
    player.perform(cash.deposit, cash.Deposit(10, "EUR", "NORMAL"))
    return str(player.player_id)


def _award(desk: Desk, player: Player) -> str:
    """Award points: only the version of the points account shows that something happened."""
    assert player.perform(points.award, points.Points(5, "another mission"))[0] == 200
    return str(player.player_id)


def _come_and_go(desk: Desk, player: Player) -> str:
    """Award points to a new player and expire them: the account is empty again."""
    other = desk.new_player()
    for rule in (points.award, points.expire):
        assert other.perform(rule, points.Points(5, "mission"))[0] == 200
    return str(other.player_id)


def _end_the_bonus(desk: Desk, player: Player) -> str:
    bonus_id = str(desk.look("SELECT bonus_id FROM wallet.wallet_bonus")[0][0])
    assert (
        player.perform(bonus.expire, bonus.End(bonus_id), bonus_id=bonus_id, with_stakes=True)[0]
        == 200
    )
    return str(player.player_id)


def _end_the_coupon(desk: Desk, player: Player) -> str:
    assert (
        player.perform(
            coupons.reverse, coupons.Close("log-1"), coupon_log_id="log-1", with_stakes=True
        )[0]
        == 200
    )
    return str(player.player_id)


def _stake(desk: Desk, player: Player) -> str:
    player.perform(
        bets.authorize,
        bets.Authorize("mocklive", "LIVE", "b2", "r", 5, "EUR"),
        provider_id="mocklive",
        bet_id="b2",
    )
    return str(player.player_id)


@pytest.mark.parametrize(
    "happen",
    [_deposit_elsewhere, _deposit, _award, _come_and_go, _end_the_bonus, _end_the_coupon, _stake],
)
def test_an_undo_is_refused_for_everybody_once_anything_happened(
    desk: Desk, happen: Callable[[Desk, Player], str]
) -> None:
    player = desk.rich_player()
    desk.new_player().perform(cash.deposit, cash.Deposit(77, "EUR", "CASINO_NORMAL"))
    desk.line.run()
    desk.seal()
    desk.batch("run-1")
    desk.activate(RUBY_UNIFIED_V1, RUBY_SPLIT_V1, "there")
    desk.seal("open")
    whose = happen(desk, player)
    desk.line.run()
    desk.seal()
    before = desk.state()
    assert {player_id for player_id, _, _ in desk.conflicts("run-1")} == {whose}
    assert "nothing was moved back" in refused(lambda: desk.batch("run-2", 1, undoes="run-1"))
    assert desk.state() == before


def test_cash_does_not_stand_in_the_way_of_an_undo(desk: Desk) -> None:
    player = desk.rich_player()
    desk.line.run()
    desk.seal()
    desk.batch("run-1")
    desk.activate(RUBY_UNIFIED_V1, RUBY_SPLIT_V1, "there")
    desk.seal("open")
    player.perform(cash.deposit, cash.Deposit(1_000, "EUR"))
    desk.line.run()
    desk.seal()
    assert desk.batch("run-2", undoes="run-1")


def test_what_a_canary_played_since_goes_back_too(desk: Desk) -> None:
    desk.rich_player()
    canary, late = desk.new_player(canary=True), desk.new_player(canary=True)
    canary.perform(cash.deposit, cash.Deposit(40, "EUR", "SPORTS_NORMAL"))
    desk.line.run()
    desk.seal()
    desk.batch("run-1")
    desk.activate(RUBY_UNIFIED_V1, RUBY_SPLIT_V1, "there")
    desk.seal("open")
    for player in (canary, late):
        player.perform(cash.deposit, cash.Deposit(7, "EUR", "NORMAL"))
    desk.line.run()
    desk.seal()
    assert desk.conflicts("run-1") == []
    assert desk.batch("run-2", undoes="run-1")
    assert {code for code, *_ in desk.look(LIVE)} == {RUBY_SPLIT_V1}
    held: dict[Any, int] = dict(
        desk.look("SELECT player_id, sum(balance)::bigint FROM wallet.wallet_bucket GROUP BY 1")
    )
    assert (held[canary.player_id], held[late.player_id]) == (47, 7)
    desk.activate(RUBY_SPLIT_V1, RUBY_UNIFIED_V1, "back")
