"""The hourly cycle finds and names a superuser's edit of any record that decides money.

Once the edit is undone, the next cycle is clean.
"""

import os
import threading
import time
from collections.abc import Iterator
from functools import partial
from typing import Any

import psycopg
import pytest
from msgspec.structs import asdict

from tests.cluster import Cluster, TestDatabase
from tests.wallet_runtime.serving import a_person
from tests.wallet_runtime.wallet.conftest import Player, turn_over
from tests.wallet_runtime.wallet.edited import Edited, undone
from tests.wallet_runtime.wallet.pairs import activate_split
from tests.wallet_runtime.wallet.reconciling import MODES
from tests.wallet_runtime.wallet.record_edits import BET, EDITS, ELSEWHERE, Edit, World
from wallet_runtime.plumbing.runtime.database import Database
from wallet_runtime.wallet.domain import adjustments, bets, cash, rolling
from wallet_runtime.wallet.store.money import money_of
from wallet_runtime.wallet.store.reconciliation import Reconciliation
from wallet_runtime.wallet.store.refusals import RecordAltered

ROUND = 24
ALL = os.environ.get("RUBYOPS_EDITS") == "all"
OLD_IN_CI = (
    "policy_snapshot",
    "amount of state = 'requested'",
    "cap of",
    "deleted route = 'deposit'",
    "a release made up",
)
# Replaces `wallet.recent_time` with one second instead of a day, so that all rows soon count as
# old.
A_SHORT_DAY = (
    "CREATE OR REPLACE FUNCTION wallet.recent_time() RETURNS interval LANGUAGE sql IMMUTABLE AS $$"
    " SELECT interval '1 second' $$"
)


@pytest.fixture(scope="module")
def database(platform_template: Cluster) -> Iterator[TestDatabase]:
    """One platform for the whole file, because each edit is undone."""
    with platform_template.database("platform") as database:
        yield database


@pytest.fixture(scope="module")
def wallet(database: TestDatabase) -> Iterator[Database]:
    """The platform's database as wallet_service, with the split pair active."""
    service = Database(database.dsn("wallet_service"), "wallet-edits", pool_max=8).open()
    activate_split(service)
    yield service
    service.close()


@pytest.fixture(scope="module")
def look(database: TestDatabase) -> Iterator[psycopg.Connection]:
    """A superuser's connection."""
    with psycopg.connect(database.superuser_dsn, autocommit=True) as connection:
        yield connection


@pytest.fixture(scope="module")
def world(wallet: Database, look: psycopg.Connection) -> World:
    """A player who has performed all commands. A cycle with all hashes has found no fault."""
    world = World(wallet, Player(money_of(wallet)), look)
    cycle = Reconciliation(wallet).run("test", "hashes")
    assert (cycle["drift_buckets"], cycle["conservation_breaks"], cycle["samples"]) == (0, 0, [])
    return world


def _naming(cycle: dict[str, Any], edit: Edit) -> list[dict[str, Any]]:
    return [
        sample
        for sample in cycle["samples"]
        if sample.get("record") == edit.record and edit.reason in sample["reason"]
    ]


def _named(cycle: dict[str, Any], edit: Edit, player: Player) -> None:
    named = _naming(cycle, edit)
    assert named, (
        f"{edit.name}: nobody names {edit.record} for {edit.reason!r} in {cycle['samples']}"
    )
    assert named[0]["key"] and named[0]["reason"]
    if named[0]["player_id"] is not None and "player_id = gen_random" not in edit.statement:
        assert named[0]["player_id"] == str(player.player_id)


def test_the_list_is_long_and_reaches_every_table() -> None:
    assert len({edit.name for edit in EDITS}) == len(EDITS) >= 40
    assert len({edit.table for edit in EDITS}) >= 20


@pytest.mark.parametrize("edit", EDITS, ids=[edit.name for edit in EDITS])
def test_an_edit_of_the_last_day_is_named_by_the_next_cycle(
    world: World, wallet: Database, look: psycopg.Connection, edit: Edit
) -> None:
    task = Reconciliation(wallet)
    change = Edited(look, edit)
    try:
        assert change.changed, "the edit has nothing to change: the world lacks such a record"
        cycle = task.run("test", "incremental")
        assert cycle["drift_buckets"] >= 1
        _named(cycle, edit, world.player)
    finally:
        change.undo()
    clean = task.run("test", "incremental")
    assert (clean["drift_buckets"], clean["conservation_breaks"]) == (0, 0), clean["samples"]


@pytest.fixture(scope="module")
def aged(world: World, look: psycopg.Connection) -> World:
    """The same player, with all records older than a day.

    A day is set to one second, and the fixture waits longer than that.
    """
    look.execute(A_SHORT_DAY.encode())
    time.sleep(1.1)
    return world


OLD = [edit for edit in EDITS if ALL or any(text in edit.name for text in OLD_IN_CI)]


@pytest.mark.parametrize("edit", OLD, ids=[edit.name for edit in OLD])
def test_an_edit_of_an_old_record_is_named_within_a_round(
    aged: World, wallet: Database, look: psycopg.Connection, edit: Edit
) -> None:
    task = Reconciliation(wallet)
    change = Edited(look, edit)
    try:
        for _ in range(ROUND):
            cycle = task.run("test", "rotation")
            if _naming(cycle, edit):
                break
        _named(cycle, edit, aged.player)
    finally:
        change.undo()
    clean = task.run("test", "hashes")
    assert (clean["drift_buckets"], clean["conservation_breaks"]) == (0, 0), clean["samples"]


# --- commands refuse to act on altered records


def _refused(player: Player, rule: Any, command: Any, **reads: Any) -> str:
    with pytest.raises(RecordAltered) as refused:
        player.perform(rule, command, **reads)
    return refused.value.message


def test_an_open_bet_whose_destinations_were_edited_pays_nothing(
    world: World, look: psycopg.Connection
) -> None:
    reads = {"provider_id": "mocksports", "bet_id": "open"}
    larger = "stake = 9000, funding = jsonb_set(funding, '{0,amount}', '9000')"
    for changed in (f"policy_snapshot = {ELSEWHERE}", larger):
        for rule, command in (
            (bets.settle, bets.Settle("mocksports", "open", "900")),
            (bets.rollback, bets.Rollback("mocksports", "open")),
        ):
            act = partial(_refused, world.player, rule, command, **reads)
            told = undone(
                look, BET, f"UPDATE wallet.{BET} SET {changed} WHERE bet_id = 'open'", act
            )
            assert "is not as it was authorized" in told and "nothing was done" in told


def test_a_settled_bet_whose_payout_was_edited_is_not_taken_back(
    world: World, look: psycopg.Connection
) -> None:
    reads = asdict(bets.rollback_reads(bets.Rollback("mocksports", "won")))
    less = "payout = 1, payout_shares = jsonb_set(payout_shares, '{0,amount}', '1')"
    again = f"UPDATE wallet.{BET} SET {less} WHERE bet_id = 'won'"
    told = undone(
        look,
        BET,
        again,
        lambda: _refused(world.player, bets.rollback, bets.Rollback("mocksports", "won"), **reads),
    )
    assert "is not as it was settled" in told


def test_a_withdrawal_whose_amount_was_edited_is_not_paid(
    world: World, look: psycopg.Connection
) -> None:
    (named,) = look.execute(
        "SELECT transaction_id::text FROM wallet.ledger_transactions WHERE state = 'approved'"
    ).fetchall()[0]
    act = partial(
        _refused, world.player, cash.mark_paid, cash.Review(named, "ann"), cash_transaction_id=named
    )
    told = undone(
        look,
        "ledger_transactions",
        "UPDATE wallet.ledger_transactions SET amount = 600 WHERE state = 'approved'",
        act,
    )
    assert "amount" in told


def test_an_adjustment_whose_amount_was_multiplied_is_not_applied(
    world: World, look: psycopg.Connection
) -> None:
    (named,) = look.execute(
        "SELECT adjustment_id::text FROM wallet.wallet_adjustment WHERE state = 'REQUESTED'"
    ).fetchall()[0]
    decide = adjustments.Decide(named, a_person("bob"))
    act = partial(_refused, world.player, adjustments.approve, decide, adjustment_id=named)
    told = undone(
        look,
        "wallet_adjustment",
        "UPDATE wallet.wallet_adjustment SET amount = amount * 100 WHERE state = 'REQUESTED'",
        act,
    )
    assert "amount" in told


def test_a_rolling_whose_cap_was_removed_releases_nothing(
    world: World, look: psycopg.Connection
) -> None:
    (named,) = look.execute(
        "SELECT rolling_id::text FROM wallet.wallet_rolling_obligation WHERE cap IS NOT NULL"
    ).fetchall()[0]
    act = partial(
        _refused, world.player, rolling.complete, rolling.Complete(named), rolling_id=named
    )
    turn_over(look)
    told = undone(
        look,
        "wallet_rolling_obligation",
        "UPDATE wallet.wallet_rolling_obligation SET cap = NULL WHERE cap IS NOT NULL",
        act,
    )
    assert "cap" in told


def test_turnover_that_was_lowered_releases_nothing(world: World, look: psycopg.Connection) -> None:
    (named,) = look.execute(
        "SELECT rolling_id::text FROM wallet.wallet_rolling_obligation WHERE cap IS NOT NULL"
    ).fetchall()[0]
    act = partial(
        _refused, world.player, rolling.complete, rolling.Complete(named), rolling_id=named
    )
    turn_over(look)
    for change in (
        "UPDATE wallet.wallet_turnover SET open = open - 1",
        "UPDATE wallet.wallet_turnover SET seal = NULL",
    ):
        assert "is not as the wallet left it" in undone(look, "wallet_turnover", change, act)
    assert "is gone" in undone(look, "wallet_turnover", "DELETE FROM wallet.wallet_turnover", act)


def test_a_bet_is_settled_over_altered_turnover_and_leaves_it_altered_for_good(
    wallet: Database, world: World, look: psycopg.Connection
) -> None:
    del world
    task, player, reads = (
        Reconciliation(wallet),
        Player(money_of(wallet)),
        {"provider_id": "mocksports", "bet_id": "lost"},
    )
    assert player.perform(cash.deposit, cash.Deposit(1_000, "EUR", "SPORTS_NORMAL"))[0] == 200

    def lose(bet: str) -> None:
        named = reads | {"bet_id": bet}
        asked = bets.Authorize("mocksports", "SPORTS", bet, "r", 100, "EUR")
        assert player.perform(bets.authorize, asked, **named, without_debts=True)[0] == 200
        assert (
            player.perform(
                bets.settle, bets.Settle("mocksports", bet, "0"), **named, with_locks=True
            )[0]
            == 200
        )

    def altered() -> list[str]:
        samples = task.run("test", "incremental")["samples"]
        return [sample["reason"] for sample in samples if sample["record"] == "wallet_turnover"]

    lose("over what is sound")
    assert altered() == []
    mine = f"WHERE player_id = '{player.player_id}'"
    edited = Edited(
        look,
        Edit("wallet_turnover", "", f"UPDATE wallet.wallet_turnover SET open = 150 {mine}", "", ""),
    )
    try:
        lose("first")
        assert altered() == ["the record was not written by the wallet's functions"]
        lose("second")
        assert len(altered()) == 1
    finally:
        look.execute(
            (
                "UPDATE kept SET open = open - 200,"
                f" seal = seal || jsonb_build_object('open', open - 200) {mine}"
            ).encode()
        )
        edited.undo()
    assert altered() == []


# --- rows that retention deleted are no fault


def test_a_pruned_answer_is_known_by_its_claim_and_a_pruned_event_is_not_missed(
    world: World, wallet: Database, look: psycopg.Connection
) -> None:
    task = Reconciliation(wallet)
    later = "UPDATE wallet.wallet_retention SET kept_since = %s WHERE kind = %s"
    answers = Edited(
        look,
        Edit(
            "wallet_idempotency",
            "",
            "DELETE FROM wallet.wallet_idempotency WHERE route = 'deposit'",
            "",
            "",
        ),
    )
    events = None
    try:
        look.execute(later, ["infinity", "idempotency"])
        gone = "neither the answer nor the claim of its request is there"
        assert {sample["reason"] for sample in task.run("test", "hashes")["samples"]} == {gone}
        look.execute(
            "INSERT INTO wallet.wallet_claim SELECT transaction_id FROM kept WHERE route ="
            " 'deposit'"
        )
        assert task.run("test", "hashes")["samples"] == []
        look.execute("ALTER TABLE kept RENAME TO kept_answers")
        events = Edited(look, Edit("wallet_outbox", "", "DELETE FROM wallet.wallet_outbox", "", ""))
        assert task.run("test", "hashes")["drift_buckets"] > 0
        look.execute(later, ["infinity", "outbox"])
        assert task.run("test", "hashes")["samples"] == []
    finally:
        if events is not None:
            events.undo()
        look.execute("ALTER TABLE IF EXISTS kept_answers RENAME TO kept")
        answers.undo()
        look.execute("DELETE FROM wallet.wallet_claim")
        look.execute("UPDATE wallet.wallet_retention SET kept_since = '-infinity'")


# --- no false alarm


def test_cycles_of_every_mode_suspect_nothing_while_everything_is_played(
    world: World, wallet: Database, database: TestDatabase
) -> None:
    stop, faults = threading.Event(), list[BaseException]()

    def play() -> None:
        try:
            with psycopg.connect(database.superuser_dsn, autocommit=True) as own:
                while not stop.is_set():
                    World(wallet, Player(money_of(wallet)), own)
        except BaseException as error:  # the test reports it
            faults.append(error)

    threads = [threading.Thread(target=play) for _ in range(2)]
    for thread in threads:
        thread.start()
    task, until, cycles = (
        Reconciliation(wallet),
        time.monotonic() + (600 if ALL else 3),
        list[Any](),
    )
    try:
        while time.monotonic() < until:
            for mode in MODES:
                cycles.append(task.run("test", mode))
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert not faults
    assert [
        cycle["samples"]
        for cycle in cycles
        if cycle["drift_buckets"] or cycle["conservation_breaks"]
    ] == []
