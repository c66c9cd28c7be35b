"""Locked money on a real database: the commands that release it, and the ones that are refused."""

from typing import Any

import msgspec
import psycopg
import pytest

from tests.wallet_runtime.wallet.conftest import Player, turn_over
from tests.wallet_runtime.wallet.movements import STAKES, authorize, deposit, held, settle
from wallet_runtime.wallet.domain import bets, bonus, cash, locks, rolling, transfers
from wallet_runtime.wallet.domain.decision import Decision
from wallet_runtime.wallet.domain.snapshot import snapshot
from wallet_runtime.wallet.domain.state import Request
from wallet_runtime.wallet.store.refusals import InvariantRefused

SPORTS = "RUBY_SPLIT_V1/SPORTS_NORMAL"
LOCKED = """
SELECT DISTINCT ON (account) split_part(account, '/', 2), locked
  FROM wallet.wallet_lock ORDER BY account, version DESC
"""


def locked(look: psycopg.Connection) -> dict[str, int]:
    return {bucket: amount for bucket, amount in look.execute(LOCKED).fetchall() if amount}


def owing(look: psycopg.Connection) -> list[str]:
    rows = look.execute(
        "SELECT rolling_id::text FROM wallet.wallet_rolling_obligation WHERE state = 'ACTIVE'"
        " ORDER BY created_at"
    ).fetchall()
    return [name for (name,) in rows]


def expire(player: Player, look: psycopg.Connection) -> None:
    """Let all rollings of the player lapse."""
    for name in owing(look):
        assert (
            player.perform(rolling.close, rolling.Close(name, "EXPIRED"), rolling_id=name)[0] == 200
        )


def complete(player: Player, look: psycopg.Connection) -> list[str]:
    """Complete all rollings of the player; return the amounts that they release."""
    turn_over(look)
    return [
        player.perform(rolling.complete, rolling.Complete(name), rolling_id=name)[1]["released"]
        for name in owing(look)
    ]


def test_an_expired_obligation_is_not_freed_by_a_small_one(
    player: Player, look: psycopg.Connection
) -> None:
    deposit(player, 100_000)
    expire(player, look)
    deposit(player, 1)
    assert complete(player, look) == ["0.01"]
    assert (held(look), locked(look)) == (
        {"SPORTS_NORMAL": 100_000, "WITHDRAWABLE": 1},
        {"SPORTS_NORMAL": 100_000},
    )


def test_a_bet_that_is_open_when_its_obligation_lapses_comes_back_locked(
    player: Player, look: psycopg.Connection
) -> None:
    deposit(player, 100)
    authorize(player, 100)
    expire(player, look)
    assert (
        player.perform(
            bets.rollback,
            bets.Rollback("mocksports", "b1"),
            provider_id="mocksports",
            bet_id="b1",
            with_winnings=True,
        )[0]
        == 200
    )
    deposit(player, 1)
    assert complete(player, look) == ["0.01"]
    assert locked(look) == {"SPORTS_NORMAL": 100}


def test_a_lost_bet_unlocks_and_its_rollback_locks_again(
    player: Player, look: psycopg.Connection
) -> None:
    deposit(player, 100)
    expire(player, look)
    authorize(player, 60)
    settle(player, "0")
    assert locked(look) == {"SPORTS_NORMAL": 40}
    reads: dict[str, Any] = {"provider_id": "mocksports", "bet_id": "b1", "with_winnings": True}
    assert player.perform(bets.rollback, bets.Rollback("mocksports", "b1"), **reads)[0] == 200
    assert (held(look), locked(look)) == ({"SPORTS_NORMAL": 100}, {"SPORTS_NORMAL": 100})


def test_winnings_alone_leave(player: Player, look: psycopg.Connection) -> None:
    deposit(player, 100)
    expire(player, look)
    for number, (payout, free) in enumerate((("0.50", 0), ("0.30", 0), ("0.40", 10)), 1):
        authorize(player, 50 if number == 1 else 30, f"b{number}")
        settle(player, payout, f"b{number}")
        assert held(look).get("WITHDRAWABLE", 0) == free
    assert (held(look)["SPORTS_NORMAL"], locked(look)) == (100, {"SPORTS_NORMAL": 100})


def test_a_lock_goes_along_with_a_transfer(player: Player, look: psycopg.Connection) -> None:
    deposit(player, 100)
    expire(player, look)
    deposit(player, 20)
    move = transfers.Transfer("SPORTS_NORMAL", "CASINO_NORMAL", 90, "EUR")
    assert player.perform(transfers.transfer, move, **STAKES)[0] == 200
    assert locked(look) == {"SPORTS_NORMAL": 30, "CASINO_NORMAL": 70}
    assert sum(float(amount) for amount in complete(player, look)) == 0.20


def test_penny_deposits_and_a_transfer_dilute_no_lapsed_obligation(
    player: Player, look: psycopg.Connection
) -> None:
    deposit(player, 100_000)
    (big,) = owing(look)
    for _ in range(9):
        deposit(player, 1)
    move = transfers.Transfer("SPORTS_NORMAL", "CASINO_NORMAL", 100_008, "EUR")
    assert player.perform(transfers.transfer, move, **STAKES)[0] == 200
    (part,) = [
        str(name)
        for (name,) in look.execute(
            "SELECT rolling_id FROM wallet.wallet_rolling_obligation WHERE amount > 1000"
        ).fetchall()
    ]
    for name in (big, part):
        assert (
            player.perform(rolling.close, rolling.Close(name, "EXPIRED"), rolling_id=name)[0] == 200
        )
    complete(player, look)
    assert held(look).get("WITHDRAWABLE", 0) <= 18


def test_a_completed_rolling_is_paid_out_when_the_last_one_lapses(
    player: Player, look: psycopg.Connection
) -> None:
    deposit(player, 1)
    deposit(player, 100_000)
    small, big = owing(look)
    turn_over(look)
    assert (
        player.perform(rolling.complete, rolling.Complete(big), rolling_id=big)[1]["released"]
        == "0.00"
    )
    assert (
        player.perform(rolling.close, rolling.Close(small, "EXPIRED"), rolling_id=small)[1][
            "released"
        ]
        == "1000.00"
    )
    assert (held(look), locked(look)) == (
        {"SPORTS_NORMAL": 1, "WITHDRAWABLE": 100_000},
        {"SPORTS_NORMAL": 1},
    )


def test_a_bet_lost_before_its_rolling_lapsed_comes_back_locked(
    player: Player, look: psycopg.Connection
) -> None:
    deposit(player, 100)
    authorize(player, 100)
    settle(player, "0")
    expire(player, look)
    reads: dict[str, Any] = {"provider_id": "mocksports", "bet_id": "b1", "with_winnings": True}
    assert player.perform(bets.rollback, bets.Rollback("mocksports", "b1"), **reads)[0] == 200
    assert locked(look) == {"SPORTS_NORMAL": 100}


def _forged(player: Player, decision: dict[str, Any]) -> str:
    def forge(request: Any, command: Any, state: Any, pair: Any) -> Decision:
        plain = Decision(
            command="FORGED", status=200, body={}, pair=pair.reference, starts_new=False
        )
        return msgspec.structs.replace(plain, **decision)

    with pytest.raises(InvariantRefused) as refused:
        player.perform(forge, None)
    return str(refused.value.details["sqlstate"])


def test_the_database_refuses_to_lock_what_is_not_there(
    player: Player, look: psycopg.Connection
) -> None:
    deposit(player, 100)
    assert _forged(player, {"locks": ({"account": SPORTS, "delta": 101},)}) == "RW003"
    assert _forged(player, {"locks": ({"account": SPORTS, "delta": -1},)}) == "23514"
    assert locked(look) == {}


def test_the_database_refuses_to_release_what_is_locked(
    player: Player, look: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    deposit(player, 100)
    expire(player, look)
    deposit(player, 20)
    (name,) = owing(look)
    turn_over(look)
    with monkeypatch.context() as patch:
        patch.setattr(locks, "unlocked", lambda state, account: state.balance(account))
        patch.setattr(locks, "relocked", lambda state, changes, added=locks.NOTHING: ())
        with pytest.raises(InvariantRefused):
            player.perform(rolling.complete, rolling.Complete(name), rolling_id=name)
    assert held(look) == {"SPORTS_NORMAL": 120}


def test_locks_are_immutable(player: Player, look: psycopg.Connection) -> None:
    deposit(player, 100)
    expire(player, look)
    for statement in (
        b"UPDATE wallet.wallet_lock SET locked = 0",
        b"DELETE FROM wallet.wallet_lock",
        b"TRUNCATE wallet.wallet_lock",
    ):
        with pytest.raises(psycopg.DatabaseError, match="immutable"):
            look.execute(statement)


def test_a_bonus_of_two_that_lapsed_is_taken_back_in_the_end(
    player: Player, look: psycopg.Connection
) -> None:
    for reference in ("one", "two"):
        assert (
            player.perform(bonus.issue, bonus.Issue("SPORTS_BONUS", 100, "EUR", reference))[0]
            == 200
        )
    first, second = owing(look)
    assert (
        player.perform(rolling.close, rolling.Close(first, "EXPIRED"), rolling_id=first)[0] == 200
    )
    assert locked(look) == {"SPORTS_BONUS": 100}
    turn_over(look)
    assert (
        player.perform(rolling.complete, rolling.Complete(second), rolling_id=second)[1]["released"]
        == "1.00"
    )
    assert (held(look), locked(look)) == ({"WITHDRAWABLE": 100}, {})


def test_the_snapshot_shows_what_is_locked(player: Player, look: psycopg.Connection) -> None:
    deposit(player, 100)
    expire(player, look)
    assert player.perform(cash.deposit, cash.Deposit(20, "EUR", "SPORTS_NORMAL"))[0] == 200
    request = Request(
        player.brand_id, player.player_id, "test", "look", "look", "", player.player_id
    )
    state, pair = player.money.look(request)
    shown = snapshot(player.brand_id, player.player_id, "EUR", state, pair)
    (bucket,) = [each for each in shown["buckets"] if each["bucket_type_code"] == "SPORTS_NORMAL"]
    assert (bucket["balance"], bucket["locked"]) == ("1.20", "1.00")
    assert {each["locked"] for each in shown["buckets"] if each is not bucket} == {"0.00", "0"}
