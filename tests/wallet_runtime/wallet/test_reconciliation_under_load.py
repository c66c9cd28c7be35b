"""Reconciliation beside open transactions: it waits for them and raises no false alarm."""

import json
import threading
from uuid import uuid4

import psycopg
import pytest

from tests.cluster import TestDatabase
from tests.wallet_runtime.serving import await_until
from tests.wallet_runtime.wallet.conftest import Player
from tests.wallet_runtime.wallet.reconciling import (
    DEPOSIT,
    MODES,
    NORMAL,
    accounts_in,
    play_bet,
    task,
)
from wallet_runtime.plumbing.runtime.database import Database
from wallet_runtime.wallet.domain import cash
from wallet_runtime.wallet.store.money import money_of
from wallet_runtime.wallet.store.reconciliation import Mode, Reconciliation

__all__ = ["task"]


def test_counter_accounts_are_folded_once_and_an_edit_is_found(
    task: Reconciliation, player: Player, look: psycopg.Connection, wallet: Database
) -> None:
    for _ in range(3):
        player.perform(cash.deposit, DEPOSIT)
        task.fold_turn()
        task.fold_turn()
    _await_folded(task, look, [("PSP", -30_000)])
    player.perform(cash.deposit, DEPOSIT)
    assert look.execute("SELECT amount FROM wallet.counter_total").fetchall() == [(-40_000,)]
    assert task.run("test", "incremental")["conservation_breaks"] == 0
    look.execute("UPDATE wallet.wallet_counter_sum SET amount = amount + 1")
    cycle = task.run("test", "hashes")
    assert (cycle["drift_buckets"], cycle["conservation_breaks"]) == (1, 1)
    assert "running sum" in json.dumps(cycle["samples"])


def _await_folded(
    task: Reconciliation, look: psycopg.Connection, sums: list[tuple[str, int]]
) -> None:
    """Fold counter entries until the running sums are `sums`.

    Folding waits for open transactions, also those of other tests on the same server.
    """

    def folded() -> bool:
        task.fold_turn()
        return (
            look.execute("SELECT account, amount FROM wallet.wallet_counter_sum").fetchall() == sums
        )

    await_until(folded)


def test_folding_waits_for_transactions_that_are_still_open(
    player: Player, look: psycopg.Connection, platform_db: TestDatabase, task: Reconciliation
) -> None:
    entry = (
        "INSERT INTO wallet.wallet_counter_entry (transaction_id, brand_id, player_id, currency,"
        " account, delta, command, request_id, restore_epoch, created_at)"
        " VALUES (gen_random_uuid(), %s, %s, 'EUR', 'PSP', -5, 'DEPOSIT', 'late', 0, now())"
    )
    with psycopg.connect(platform_db.superuser_dsn) as slow:
        slow.execute(entry, [player.brand_id, player.player_id])
        player.perform(cash.deposit, DEPOSIT)
        task.fold_turn()
        slow.commit()
    _await_folded(task, look, [("PSP", -10_005)])
    assert look.execute("SELECT count(*) FROM wallet.counter_drift").fetchone() == (0,)


@pytest.mark.parametrize("mode", MODES)
def test_cycles_under_load_suspect_nobody(
    wallet: Database, task: Reconciliation, look: psycopg.Connection, mode: Mode
) -> None:
    players = [Player(money_of(wallet)) for _ in range(4)]
    stop = threading.Event()
    faults: list[BaseException] = []

    def play(player: Player) -> None:
        number = 0
        try:
            while not stop.is_set():
                play_bet(player, f"b{number}")
                number += 1
        except BaseException as error:  # the test reports it
            faults.append(error)

    threads = [threading.Thread(target=play, args=[player]) for player in players]
    for thread in threads:
        thread.start()
    try:
        cycles = [task.run("test", mode) for _ in range(12)]
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert not faults
    assert [(cycle["drift_buckets"], cycle["conservation_breaks"]) for cycle in cycles] == [
        (0, 0)
    ] * 12
    final = task.run("test", "incremental")
    assert (final["drift_buckets"], final["conservation_breaks"]) == (0, 0)
    assert look.execute(
        "SELECT count(*) FROM wallet.wallet_reconciliation_checkpoint WHERE suspect"
    ).fetchone() == (0,)
    assert look.execute("SELECT count(*) FROM wallet.counter_drift").fetchone() == (0,)


def test_an_older_transaction_that_writes_after_a_younger_one_is_no_drift(
    task: Reconciliation, player: Player, look: psycopg.Connection, platform_db: TestDatabase
) -> None:
    """A transaction with an older id may write a later version of an account.

    Here a deposit commits first, and then the older transaction moves money of the same account.
    """
    player.perform(cash.deposit, DEPOSIT)
    task.run("test", "hashes")
    with (
        psycopg.connect(platform_db.superuser_dsn) as long,
        psycopg.connect(platform_db.superuser_dsn) as other,
    ):
        long.execute("SELECT pg_current_xact_id()")
        player.perform(cash.deposit, DEPOSIT)
        other.execute("SELECT pg_current_xact_id()")
        command = {
            "brand_id": str(player.brand_id),
            "player_id": str(player.player_id),
            "command": "TEST",
            "request_id": "late",
            "transaction_id": str(uuid4()),
            "topology_code": "RUBY_SPLIT_V1",
            "topology_version": 1,
            "policy_key": "default",
            "policy_version": 1,
        }
        long.execute("SET search_path = wallet")
        legs = [
            {"account": NORMAL, "delta": 7, "currency": "EUR"},
            {"account": "STAKE", "delta": -7, "currency": "EUR"},
        ]
        command |= {"currency": "EUR", "legs": legs}
        long.execute(
            "SELECT wallet.move_legs(jsonb_populate_record(NULL::wallet.command, %s::jsonb), 0)",
            [json.dumps(command)],
        )
        assert accounts_in(task.run("test", "incremental")) == 0
        long.commit()
        assert accounts_in(task.run("test", "incremental")) == 0
    player.perform(cash.deposit, DEPOSIT)
    for _ in range(2):
        assert accounts_in(task.run("test", "incremental")) == 0
    assert look.execute(
        "SELECT count(*) FROM wallet.wallet_reconciliation_checkpoint WHERE suspect"
    ).fetchone() == (0,)
