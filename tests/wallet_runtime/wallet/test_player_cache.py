"""The player cache of a copy saves a round trip, and the database still checks every decision."""

from typing import Any
from uuid import UUID, uuid4

import msgspec
import psycopg
import pytest
from prometheus_client import Counter

from tests.cluster import TestDatabase
from tests.freezing import set_fence_row
from tests.wallet_runtime.wallet.conftest import Player
from tests.wallet_runtime.wallet.test_batch import bet as batched
from wallet_runtime.plumbing.errors import Maintenance, PayloadMismatch, Unavailable
from wallet_runtime.plumbing.runtime.database import Database
from wallet_runtime.wallet.domain import bets, cash, coupons
from wallet_runtime.wallet.domain.decision import Decision
from wallet_runtime.wallet.domain.reads import Reads
from wallet_runtime.wallet.domain.records import Leg
from wallet_runtime.wallet.domain.state import Gate, PairReference, Request, Scope, State
from wallet_runtime.wallet.domain.state import Player as Held
from wallet_runtime.wallet.store import player_cache
from wallet_runtime.wallet.store.batch import perform_many
from wallet_runtime.wallet.store.money import GUESSES, Money
from wallet_runtime.wallet.store.player_cache import KEPT_SECONDS, PlayerStateCache
from wallet_runtime.wallet.store.refusals import NEGATIVE_PREVENTED

BRAND = UUID("0f8fad5b-d9cb-469f-a165-70867728950e")
DEPOSIT = cash.Deposit(10_000, "EUR", "SPORTS_NORMAL")
STATE = State(gate=Gate(1, "open", 0), buckets={"T/A": 5}, player=Held("EUR", "active", False, 7))


class World:
    """A clock and a connection counter that the test sets."""

    now, made = 0.0, 1

    def cache(self) -> PlayerStateCache:
        return PlayerStateCache(lambda: self.made, lambda: self.now)


@pytest.fixture
def world() -> World:
    return World()


def request() -> Request:
    return Request(BRAND, uuid4(), "test", "authorize", "id", "ab", uuid4())


def moved(*legs: Leg, **more: Any) -> Decision:
    return Decision(
        command="X",
        status=200,
        body={},
        pair=PairReference("T", 1, "p", 1),
        starts_new=True,
        legs=legs,
        **more,
    )


def keep(known: PlayerStateCache, who: Request, version: int = 7, *legs: Leg, **more: Any) -> None:
    """Cache the state after a command that was decided on this version."""
    held = msgspec.structs.replace(STATE, player=Held("EUR", "active", False, version))
    known.put(who, held, moved(*legs, **more), known.basis())


def version(known: PlayerStateCache, who: Request) -> int | None:
    """Return the version of the cached state, or None."""
    found = known.get(who)
    return found.state.player.version if found and found.state and found.state.player else None


def test_what_a_command_left_is_known(world: World) -> None:
    known, who = world.cache(), request()
    assert known.get(who) is None
    keep(
        known,
        who,
        7,
        Leg("T/A", -2, "EUR"),
        Leg("T/B", 1, "EUR"),
        Leg("STAKE", 2, "EUR"),
        Leg("CASH/AVAILABLE", -1, "EUR"),
    )
    found = known.get(who)
    assert found is not None and found.state is not None
    assert (found.state.buckets, version(known, who), STATE.buckets) == (
        {"T/A": 3, "T/B": 1},
        8,
        {"T/A": 5},
    )
    assert known.get(request()) is None, "another player is not known"


def test_a_player_with_coupons_is_not_known(world: World) -> None:
    known, who = world.cache(), request()
    keep(known, who)
    keep(known, who, 8, grants_opened=({"grant_id": "g"},))
    assert version(known, who) is None
    keep(known, who, 9)
    assert version(known, who) == 10


def test_nothing_is_believed_for_longer_than_since_it_was_read(world: World) -> None:
    known, who = world.cache(), request()
    keep(known, who)
    for step in range(6):
        found = known.get(who)
        assert found is not None and found.state is not None
        known.put(who, found.state, moved(), found.basis)
        assert version(known, who) == 9 + step
        world.now += KEPT_SECONDS / 6
    assert version(known, who) is None, "decided again and again, and never read"


def test_nothing_is_believed_over_other_connections(world: World) -> None:
    known, who = world.cache(), request()
    before = known.basis()
    keep(known, who)
    world.made += 1
    assert version(known, who) is None
    known.put(who, STATE, moved(), before)
    assert version(known, who) is None, (
        "what was read before the connection was lost comes too late"
    )


def test_a_player_whom_others_move_is_not_guessed_for_a_while(world: World) -> None:
    known, who = world.cache(), request()
    keep(known, who)
    known.suspend(who, STATE)
    assert version(known, who) == 8, "it was this copy that overtook its own command"
    found = known.get(who)
    assert found is not None and found.state is not None
    known.suspend(who, found.state)
    known.forget(who)
    keep(known, who, 9)
    assert version(known, who) is None
    world.now += KEPT_SECONDS
    keep(known, who, 10)
    assert version(known, who) == 11
    known.forget(who)
    assert version(known, who) is None


def test_a_late_thread_does_not_bring_an_older_state_back(world: World) -> None:
    known, who = world.cache(), request()
    keep(known, who, 8)
    keep(known, who, 7)
    assert version(known, who) == 9


def test_only_the_last_players_are_known(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(player_cache, "PLAYERS_MAX", 2)
    known = world.cache()
    first, second, third = (request() for _ in range(3))
    for number, who in enumerate((first, second, first, third)):
        keep(known, who, number)
    assert [known.get(who) is not None for who in (first, second, third)] == [True, False, True]


def bet(player: Player, name: str, stake: int = 100, **more: str) -> tuple[int, dict[str, Any]]:
    command = bets.Authorize("mocksports", "SPORTS", name, "r", stake, "EUR")
    return player.perform(
        bets.authorize,
        command,
        provider_id="mocksports",
        bet_id=name,
        without_debts=True,
        **more,
    )


@pytest.fixture
def known(player: Player) -> Player:
    """A player with money and an open bet, cached by this copy."""
    player.perform(cash.deposit, DEPOSIT)
    assert bet(player, "b1")[0] == 200
    return player


def cached(player: Player) -> State | None:
    found = player.money.player_cache.get(
        Request(player.brand_id, player.player_id, "", "", "", "", player.player_id)
    )
    return found and found.state


def confirm_known(player: Player, look: psycopg.Connection[Any]) -> None:
    """Confirm that the cached state equals the database's rows."""
    state = cached(player)
    assert state is not None and state.player is not None
    rows = look.execute(
        "SELECT account, balance FROM wallet.wallet_bucket WHERE player_id = %s", [player.player_id]
    ).fetchall()
    version = look.execute(
        "SELECT version FROM wallet.wallet_player WHERE player_id = %s", [player.player_id]
    ).fetchone()
    assert dict(rows) == state.buckets and version == (state.player.version,)


def test_every_command_leaves_what_the_database_has(
    known: Player, look: psycopg.Connection[Any]
) -> None:
    confirm_known(known, look)
    known.perform(
        bets.settle, bets.Settle("mocksports", "b1", "3.00"), provider_id="mocksports", bet_id="b1"
    )
    confirm_known(known, look)
    assert bet(known, "b2")[0] == 200
    known.perform(cash.to_cash, cash.Withdraw(1, "EUR"))
    confirm_known(known, look)


def test_what_another_copy_moved_is_read(
    known: Player, wallet: Database, look: psycopg.Connection[Any]
) -> None:
    mine, other = known.money, Money(wallet)
    known.money = other
    assert bet(known, "b2", 9_900)[0] == 200
    known.money = mine
    assert bet(known, "b3")[1]["code"] == "INSUFFICIENT_FUNDS"
    assert cached(known) is None, "who is served elsewhere too is not guessed for a while"
    assert look.execute("SELECT count(*) FROM wallet.wallet_bet_authorization").fetchone() == (2,)


def test_a_repeat_gets_its_first_answer_and_another_payload_is_refused(known: Player) -> None:
    first = bet(known, "b2", request_id="same")
    assert bet(known, "b2", request_id="same") == first
    with pytest.raises(PayloadMismatch):
        bet(known, "b2", request_id="same", fingerprint="cd")
    assert bet(known, "b2")[1]["code"] == "BET_ALREADY_EXISTS"
    assert cached(known) is not None


def test_a_frozen_repeat_gets_its_first_answer_and_a_new_bet_is_stopped(
    known: Player, operator: psycopg.Connection[Any]
) -> None:
    first = bet(known, "b2", request_id="same")
    set_fence_row(operator, "ingress", 1)
    assert bet(known, "b2", request_id="same") == first
    with pytest.raises(Maintenance):
        bet(known, "b3")


def test_a_block_and_a_coupon_are_seen_at_once(
    known: Player, wallet: Database, look: psycopg.Connection[Any]
) -> None:
    mine = known.money
    known.money = Money(wallet)
    known.perform(coupons.issue, coupons.Issue("log-1", 500, "EUR", Scope("sports")))
    known.money = mine
    assert bet(known, "b2")[1]["funding"][0]["account"].startswith("GRANT/")
    look.execute("UPDATE wallet.wallet_player SET status = 'blocked'")
    assert bet(known, "b3")[1]["code"] == "PLAYER_BLOCKED"


def test_a_block_alone_makes_what_is_known_stale(
    known: Player, look: psycopg.Connection[Any]
) -> None:
    look.execute("UPDATE wallet.wallet_player SET status = 'blocked'")
    assert bet(known, "b2")[1]["code"] == "PLAYER_BLOCKED"


def test_a_balance_that_is_not_there_is_found_by_reading_and_alarms_nobody(
    known: Player, look: psycopg.Connection[Any]
) -> None:
    before = counted(NEGATIVE_PREVENTED)
    look.execute("UPDATE wallet.wallet_bucket SET balance = 0")
    assert bet(known, "b2")[1]["code"] == "INSUFFICIENT_FUNDS"
    assert counted(NEGATIVE_PREVENTED) == before


def test_a_database_that_was_put_back_is_read_though_its_versions_agree(
    known: Player, platform_db: TestDatabase, look: psycopg.Connection[Any]
) -> None:
    platform_db.end_sessions("wallet-test")
    with look.transaction():
        look.execute("SET LOCAL session_replication_role = replica")
        look.execute("UPDATE wallet.wallet_player SET status = 'blocked'")
    assert bet(known, "b2")[1]["code"] == "PLAYER_BLOCKED"


def test_a_connection_lost_under_a_command_makes_everybody_unknown(
    known: Player, platform_db: TestDatabase
) -> None:
    def lose(state: State, pair: Any) -> Decision:
        platform_db.end_sessions("wallet-test")
        return bets.authorize(named, command, state, pair)

    named = Request(known.brand_id, known.player_id, "test", "authorize", "lost", "ab", uuid4())
    command = bets.Authorize("mocksports", "SPORTS", "b2", "r", 100, "EUR")
    with pytest.raises(Unavailable):
        known.money.perform(
            named, Reads(provider_id="mocksports", bet_id="b2", without_debts=True), lose
        )
    with known.money.database.session():
        assert cached(known) is None


def test_what_became_of_guesses_is_counted(
    known: Player, wallet: Database, operator: psycopg.Connection[Any]
) -> None:
    before = {result: counted(GUESSES, result) for result in ("right", "asked", "overtaken")}
    assert bet(known, "b2")[0] == 200
    assert bet(known, "b3", 99_999)[1]["code"] == "INSUFFICIENT_FUNDS"
    set_fence_row(operator, "ingress", 1)
    with pytest.raises(Maintenance):
        bet(known, "b4")
    set_fence_row(operator, "open", 2)
    mine, known.money = known.money, Money(wallet)
    assert bet(known, "b5")[0] == 200
    known.money = mine
    assert bet(known, "b6")[0] == 200
    assert {result: counted(GUESSES, result) - before[result] for result in before} == {
        "right": 1,
        "asked": 2,
        "overtaken": 1,
    }


def test_a_batch_makes_the_player_unknown_and_no_more_trusted(known: Player) -> None:
    perform_many(known.money, [batched(known, "b2")])
    assert cached(known) is None
    assert bet(known, "b3")[0] == 200
    state = cached(known)
    assert state is not None
    known.money.player_cache.suspend(batched(known, "b4").request, state)
    perform_many(known.money, [batched(known, "b4")])
    assert bet(known, "b5")[0] == 200
    assert cached(known) is None


def counted(counter: Counter, *labels: str) -> float:
    """Return the value of a metric's counter in this process."""
    one = counter.labels(*labels) if labels else counter
    return sum(
        sample.value
        for metric in one.collect()
        for sample in metric.samples
        if sample.name.endswith("_total")
    )
