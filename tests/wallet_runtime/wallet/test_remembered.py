"""What a copy knows of a player without asking: it saves a trip, and never the last word."""

from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from tests.wallet_runtime.wallet.conftest import Player
from wallet_runtime.plumbing.database import Database
from wallet_runtime.plumbing.errors import Maintenance, Unavailable
from wallet_runtime.wallet.domain import bets, cash, coupons
from wallet_runtime.wallet.domain.decision import Decision, Leg
from wallet_runtime.wallet.domain.state import Gate, PairReference, Request, Scope, State
from wallet_runtime.wallet.domain.state import Player as Held
from wallet_runtime.wallet.store import remembered
from wallet_runtime.wallet.store.money import Money, PayloadMismatch
from wallet_runtime.wallet.store.remembered import KEPT_SECONDS, Remembered

BRAND = UUID("0f8fad5b-d9cb-469f-a165-70867728950e")
DEPOSIT = cash.Deposit(10_000, "EUR", "SPORTS_NORMAL")
STATE = State(gate=Gate(1, "open", 0), buckets={"T/A": 5}, player=Held("EUR", "active", False, 7))


class Clock:
    """Seconds that pass when they are told to."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def request() -> Request:
    return Request(BRAND, uuid4(), "test", "authorize", "id", "ab", uuid4())


def moved(*legs: Leg, **more: Any) -> Decision:
    return Decision(command="X", status=200, body={}, pair=PairReference("T", 1, "p", 1), starts_new=True, legs=legs, **more)


def test_what_a_command_left_is_known() -> None:
    known, who = Remembered(), request()
    assert known.guess(who) is None
    known.keep(who, STATE, moved(Leg("T/A", -2, "EUR"), Leg("T/B", 1, "EUR"), Leg("STAKE", 2, "EUR"), Leg("CASH/AVAILABLE", -1, "EUR")))
    after = known.guess(who)
    assert after is not None and after.player is not None
    assert (after.buckets, after.player.version, STATE.buckets) == ({"T/A": 3, "T/B": 1}, 8, {"T/A": 5})
    assert known.guess(request()) is None, "another player is not known"


def test_a_player_with_coupons_is_not_known() -> None:
    known, who = Remembered(), request()
    known.keep(who, STATE, moved())
    known.keep(who, STATE, moved(grants_opened=({"grant_id": "g"},)))
    assert known.guess(who) is None


def test_nothing_is_believed_for_long_and_a_player_whom_others_move_is_not_guessed_for_a_while() -> None:
    clock = Clock()
    known, who = Remembered(clock), request()
    known.keep(who, STATE, moved())
    clock.now = KEPT_SECONDS
    assert known.guess(who) is None
    known.keep(who, STATE, moved())
    assert known.guess(who) is not None
    known.distrust(who)
    known.keep(who, STATE, moved())
    assert known.guess(who) is None
    clock.now += KEPT_SECONDS
    known.keep(who, STATE, moved())
    assert known.guess(who) is not None
    known.forget(who)
    assert known.guess(who) is None


def test_only_the_last_players_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remembered, "PLAYERS_MAX", 2)
    known = Remembered()
    first, second, third = (request() for _ in range(3))
    for who in (first, second, first, third):
        known.keep(who, STATE, moved())
    assert [known.guess(who) is not None for who in (first, second, third)] == [True, False, True]
    known.clear()
    assert known.guess(third) is None


def bet(player: Player, name: str, stake: int = 100, **more: str) -> tuple[int, dict[str, Any]]:
    command = bets.Authorize("mocksports", "SPORTS", name, "r", stake, "EUR")
    return player.perform(bets.authorize, command, provider_id="mocksports", bet_id=name, **bets.AUTHORIZE_READS, **more)


@pytest.fixture
def known(player: Player) -> Player:
    """A player with money, whom this copy knows."""
    player.perform(cash.deposit, DEPOSIT)
    assert bet(player, "b1")[0] == 200
    return player


def guess(player: Player) -> State | None:
    return player.money.remembered.guess(Request(player.brand_id, player.player_id, "", "", "", "", player.player_id))


def confirm_known(player: Player, look: psycopg.Connection[Any]) -> None:
    """See that what is known is what the database has."""
    state = guess(player)
    assert state is not None and state.player is not None
    rows = look.execute("SELECT account, balance FROM wallet.wallet_bucket WHERE player_id = %s", [player.player_id]).fetchall()
    version = look.execute("SELECT version FROM wallet.wallet_player WHERE player_id = %s", [player.player_id]).fetchone()
    assert dict(rows) == state.buckets and version == (state.player.version,)


def test_every_command_leaves_what_the_database_has(known: Player, look: psycopg.Connection[Any]) -> None:
    confirm_known(known, look)
    known.perform(bets.settle, bets.Settle("mocksports", "b1", "3.00"), provider_id="mocksports", bet_id="b1")
    confirm_known(known, look)
    assert bet(known, "b2")[0] == 200
    known.perform(cash.to_cash, cash.Withdraw(1, "EUR"))
    confirm_known(known, look)


def test_what_another_copy_moved_is_read(known: Player, wallet: Database, look: psycopg.Connection[Any]) -> None:
    mine, other = known.money, Money(wallet)
    known.money = other
    assert bet(known, "b2", 9_900)[0] == 200
    known.money = mine
    assert bet(known, "b3")[1]["code"] == "INSUFFICIENT_FUNDS"
    assert guess(known) is None, "who is served elsewhere too is not guessed for a while"
    assert look.execute("SELECT count(*) FROM wallet.wallet_bet_authorization").fetchone() == (2,)


def test_a_repeat_gets_its_first_answer_and_another_payload_is_refused(known: Player) -> None:
    first = bet(known, "b2", request_id="same")
    assert bet(known, "b2", request_id="same") == first
    with pytest.raises(PayloadMismatch):
        bet(known, "b2", request_id="same", fingerprint="cd")
    assert bet(known, "b2")[1]["code"] == "BET_ALREADY_EXISTS"
    assert guess(known) is not None


def test_a_frozen_repeat_gets_its_first_answer_and_a_new_bet_is_stopped(known: Player, operator: psycopg.Connection[Any]) -> None:
    first = bet(known, "b2", request_id="same")
    operator.execute("SELECT wallet.set_freeze('run-1', 1, 'ingress', 1)")
    assert bet(known, "b2", request_id="same") == first
    with pytest.raises(Maintenance):
        bet(known, "b3")


def test_a_block_and_a_coupon_are_seen_at_once(known: Player, wallet: Database, look: psycopg.Connection[Any]) -> None:
    mine = known.money
    known.money = Money(wallet)
    known.perform(coupons.issue, coupons.Issue("log-1", 500, "EUR", Scope("sports")))
    known.money = mine
    assert bet(known, "b2")[1]["funding"][0]["account"].startswith("GRANT/")
    look.execute("UPDATE wallet.wallet_player SET status = 'blocked'")
    assert bet(known, "b3")[1]["code"] == "PLAYER_BLOCKED"


def test_a_block_alone_makes_what_is_known_stale(known: Player, look: psycopg.Connection[Any]) -> None:
    look.execute("UPDATE wallet.wallet_player SET status = 'blocked'")
    assert bet(known, "b2")[1]["code"] == "PLAYER_BLOCKED"


def test_a_balance_that_is_not_there_is_found_by_reading(known: Player, look: psycopg.Connection[Any]) -> None:
    look.execute("UPDATE wallet.wallet_bucket SET balance = 0")
    assert bet(known, "b2")[1]["code"] == "INSUFFICIENT_FUNDS"


def test_after_a_lost_connection_nobody_is_known(known: Player, look: psycopg.Connection[Any]) -> None:
    end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'wallet-test'"

    def lose(state: State, pair: Any) -> Decision:
        look.execute(end)
        return bets.authorize(named, command, state, pair)

    named = Request(known.brand_id, known.player_id, "test", "authorize", "lost", "ab", uuid4())
    command = bets.Authorize("mocksports", "SPORTS", "b2", "r", 100, "EUR")
    with pytest.raises(Unavailable):
        known.money.perform(named, {"provider_id": "mocksports", "bet_id": "b2"} | bets.AUTHORIZE_READS, lose)
    assert guess(known) is None
