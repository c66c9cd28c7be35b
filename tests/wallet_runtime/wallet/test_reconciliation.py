"""Reconciliation on a real database.

Every edit of a superuser is found and named, and nothing that is sound is suspected.
"""

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from tests.cluster import TestDatabase
from tests.wallet_runtime.serving import await_until
from tests.wallet_runtime.wallet.conftest import Player, await_all_older
from wallet_runtime.plumbing.runtime.database import Database
from wallet_runtime.wallet.domain import bets, cash
from wallet_runtime.wallet.store.anchors import Anchors
from wallet_runtime.wallet.store.money import money_of
from wallet_runtime.wallet.store.reconciliation import Mode, Reconciliation

MODES: tuple[Mode, ...] = ("incremental", "rotation", "full", "hashes")
DEPOSIT = cash.Deposit(10_000, "EUR", "SPORTS_NORMAL")
NORMAL = "RUBY_SPLIT_V1/SPORTS_NORMAL"


@pytest.fixture
def anchors(control_db: TestDatabase, tmp_path: Path) -> Anchors:
    return Anchors(control_db.dsn("wallet_service"), str(tmp_path / "anchors.ndjson"))


@pytest.fixture
def task(wallet: Database) -> Reconciliation:
    return Reconciliation(wallet)


Edit = Callable[[str], None]


@pytest.fixture
def edit(look: psycopg.Connection) -> Edit:
    """Change the ledger as only a superuser can: with its guards off.

    `{p}` is the partition of the newest row.
    """

    def carry_out(statement: str) -> None:
        found = look.execute(
            "SELECT tableoid::regclass::text FROM wallet.wallet_ledger"
            " ORDER BY created_at DESC LIMIT 1"
        ).fetchone()
        assert found is not None
        for text in (
            "ALTER TABLE {p} DISABLE TRIGGER ALL",
            statement,
            "ALTER TABLE {p} ENABLE ALWAYS TRIGGER immutable_rows",
        ):
            look.execute(text.format(p=found[0]).encode())

    return carry_out


def _found(cycle: dict[str, Any]) -> list[tuple[str, str]]:
    return [
        (str(sample.get("account") or sample.get("partition")), sample["reason"])
        for sample in cycle["samples"]
        if "reason" in sample
    ]


def _accounts(cycle: dict[str, Any]) -> int:
    """How many accounts the walk over the ledger found.

    Records tell of the same edit beside them.
    """
    return sum("last_good_version" in sample for sample in cycle["samples"])


def _play(player: Player, bet: str) -> None:
    reads = {"provider_id": "mocksports", "bet_id": bet}
    player.perform(cash.deposit, DEPOSIT)
    player.perform(
        bets.authorize, bets.Authorize("mocksports", "SPORTS", bet, "r1", 4_000, "EUR"), **reads
    )
    player.perform(bets.settle, bets.Settle("mocksports", bet, "55"), **reads)


@pytest.mark.parametrize("mode", MODES)
def test_a_sound_ledger_has_no_drift_in_any_mode(
    task: Reconciliation, player: Player, mode: Mode
) -> None:
    for number in range(3):
        _play(player, f"b{number}")
        cycle = task.run("test", mode)
        assert (cycle["drift_buckets"], cycle["conservation_breaks"], cycle["mode"]) == (0, 0, mode)


def test_an_incremental_cycle_walks_only_what_is_new(
    task: Reconciliation, player: Player, wallet: Database, look: psycopg.Connection
) -> None:
    for number in range(3):
        _play(player, f"b{number}")
    await_all_older(look)
    task.run("test", "incremental")
    other = Player(money_of(wallet))
    other.perform(cash.deposit, DEPOSIT)
    expected = look.execute(
        "SELECT count(*) FROM wallet.wallet_ledger WHERE player_id = %s", [other.player_id]
    ).fetchone()
    with look.transaction():
        look.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        walked = look.execute(
            "SELECT walked_total, drift_total FROM wallet.walk_ledger('incremental', 5)"
        ).fetchone()
    assert expected is not None and walked == (expected[0], 0)


# The change, the mode that must find it, and its name. Cycles ran before the change, so the rows
# are old to them.
OLD: tuple[tuple[str, str, tuple[Mode, ...], str], ...] = (
    (
        "a balance",
        "UPDATE wallet.wallet_bucket SET balance = balance + 1"
        " WHERE bucket_type_code = 'SPORTS_NORMAL'",
        MODES,
        "balance differs",
    ),
    (
        "a version",
        "UPDATE wallet.wallet_bucket SET version = version + 1"
        " WHERE bucket_type_code = 'SPORTS_NORMAL'",
        MODES,
        "version differs",
    ),
    (
        "a hash",
        "UPDATE wallet.wallet_bucket SET hash = '\\x00' WHERE bucket_type_code = 'SPORTS_NORMAL'",
        ("incremental", "hashes"),
        "hash differs",
    ),
    (
        "a bucket gone",
        "DELETE FROM wallet.wallet_bucket WHERE bucket_type_code = 'SPORTS_NORMAL'",
        MODES,
        "account is missing",
    ),
    (
        "an amount",
        "UPDATE {p} SET delta = delta + 1 WHERE account LIKE '%NORMAL' AND version = 1",
        ("full", "hashes"),
        "ledger row 1 ",
    ),
    (
        "a request id",
        "UPDATE {p} SET request_id = 'x' WHERE account LIKE '%NORMAL' AND version = 2",
        ("hashes",),
        "ledger row 2 ",
    ),
    (
        "a row gone",
        "DELETE FROM {p} WHERE account LIKE '%NORMAL' AND version = 2",
        ("full", "hashes"),
        "ledger row 3 ",
    ),
    (
        "a row moved to another player",
        "UPDATE {p} SET player_id = gen_random_uuid() WHERE account LIKE '%NORMAL' AND version = 3",
        ("full", "hashes"),
        "the version differs|ledger row",
    ),
)


@pytest.mark.parametrize(
    ("damage", "mode", "reason"),
    [(damage, mode, reason) for _, damage, modes, reason in OLD for mode in modes],
    ids=[f"{name} by {mode}" for name, _, modes, _ in OLD for mode in modes],
)
def test_an_edit_of_what_is_old_is_found_and_named(
    task: Reconciliation, player: Player, edit: Edit, damage: str, mode: Mode, reason: str
) -> None:
    for _ in range(3):
        player.perform(cash.deposit, DEPOSIT)
    assert task.run("test", "hashes")["drift_buckets"] == 0
    edit(damage)
    cycle = task.run("test", mode)
    assert cycle["drift_buckets"] >= 1
    assert any(part in text for _, text in _found(cycle) for part in reason.split("|")), _found(
        cycle
    )
    # Once found it stays found, by the cheapest cycle too, though nothing is new.
    assert task.run("test", "incremental")["drift_buckets"] == cycle["drift_buckets"]


COPY = """
INSERT INTO wallet.wallet_ledger (brand_id, player_id, account, version, delta, balance_after,
       currency, command, request_id, transaction_id, topology_code, topology_version, policy_key,
       policy_version, restore_epoch, previous_hash, hash, created_at)
SELECT brand_id, player_id, account, {version}, {delta}, balance_after + {delta}, currency, command,
       'planted', gen_random_uuid(), topology_code, topology_version, policy_key, policy_version,
       restore_epoch, hash, sha256(hash), created_at {when}
  FROM wallet.wallet_ledger WHERE account LIKE '%NORMAL' AND version = 3
"""
NEW = (
    (
        "an amount",
        "UPDATE {p} SET delta = delta + 1 WHERE account LIKE '%NORMAL' AND version = 3",
        "ledger row 3 ",
    ),
    (
        "a balance after",
        "UPDATE {p} SET balance_after = balance_after + 1"
        " WHERE account LIKE '%NORMAL' AND version = 3",
        "ledger row 3 ",
    ),
    (
        "a request id",
        "UPDATE {p} SET request_id = 'x' WHERE account LIKE '%NORMAL' AND version = 3",
        "ledger row 3 ",
    ),
    (
        "a row gone",
        "DELETE FROM {p} WHERE account LIKE '%NORMAL' AND version = 3",
        "balance differs",
    ),
    ("a row too many", COPY.format(version=4, delta=1, when=""), "ledger row 4 |balance differs"),
    (
        "a row beside an old one",
        COPY.format(version=2, delta=0, when="- interval '1 month'"),
        "ledger row ",
    ),
    (
        "a grown balance",
        "UPDATE wallet.wallet_bucket SET balance = balance + 1"
        " WHERE bucket_type_code = 'SPORTS_NORMAL'",
        "balance differs",
    ),
)


@pytest.mark.parametrize(
    ("damage", "reason"), [case[1:] for case in NEW], ids=[case[0] for case in NEW]
)
def test_an_edit_of_what_is_new_is_found_by_the_next_cycle(
    task: Reconciliation, player: Player, edit: Edit, damage: str, reason: str
) -> None:
    for _ in range(2):
        player.perform(cash.deposit, DEPOSIT)
    assert task.run("test", "incremental")["drift_buckets"] == 0
    player.perform(cash.deposit, DEPOSIT)
    edit(damage)
    cycle = task.run("test", "incremental")
    assert _accounts(cycle) == 1, cycle
    assert any(part in text for _, text in _found(cycle) for part in reason.split("|")), _found(
        cycle
    )
    assert _accounts(task.run("test", "incremental")) == 1
    assert task.run("test", "hashes")["drift_buckets"] >= 1


def test_a_drift_names_its_last_good_row_and_ends_when_it_is_mended(
    task: Reconciliation, player: Player, edit: Edit
) -> None:
    for _ in range(3):
        player.perform(cash.deposit, DEPOSIT)
    edit(
        "UPDATE {p} SET request_id = 'x' || request_id WHERE account LIKE '%NORMAL' AND version = 3"
    )
    sample = task.run("test", "hashes")["samples"][0]
    assert (
        sample["account"],
        sample["last_good_version"],
        sample["expected"],
        sample["actual"],
    ) == (NORMAL, 2, 30_000, 30_000)
    assert (
        sample["last_good"]["version"] == 2
        and sample["last_good"]["balance_after"] == 20_000
        and sample["last_good"]["transaction_id"]
    )
    edit(
        "UPDATE {p} SET request_id = substr(request_id, 2)"
        " WHERE account LIKE '%NORMAL' AND version = 3"
    )
    assert task.run("test", "full")["drift_buckets"] == 0
    assert task.run("test", "incremental")["drift_buckets"] == 0


def test_a_grant_is_an_account_like_any_other(
    task: Reconciliation, player: Player, look: psycopg.Connection
) -> None:
    task.run("test", "hashes")
    look.execute(
        "INSERT INTO wallet.wallet_coupon_grant (grant_id, brand_id, player_id, topology_code,"
        " topology_version, policy_key, policy_version, coupon_log_id, scope, currency, amount,"
        " balance, transaction_id) VALUES (gen_random_uuid(), %s, %s, 'RUBY_SPLIT_V1', 1,"
        " 'default', 1, 'c1', '{}', 'EUR', 500, 500, gen_random_uuid())",
        [player.brand_id, player.player_id],
    )
    cycle = task.run("test", "incremental")
    assert _accounts(cycle) == 1 and cycle["conservation_breaks"] == 1
    assert _found(cycle)[0][0].startswith("GRANT/") and "no ledger row" in _found(cycle)[0][1]


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
    """Fold until the sums are these.

    A transaction that another test has open on the same server holds folding up, too.
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
                _play(player, f"b{number}")
                number += 1
        except BaseException as error:  # the thread's fault is told by the test
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
    """A long transaction takes its id, a bet goes past it, then it moves the same account.

    Ids and versions are out of order.
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
        assert _accounts(task.run("test", "incremental")) == 0
        long.commit()
        assert _accounts(task.run("test", "incremental")) == 0
    player.perform(cash.deposit, DEPOSIT)
    for _ in range(2):
        assert _accounts(task.run("test", "incremental")) == 0
    assert look.execute(
        "SELECT count(*) FROM wallet.wallet_reconciliation_checkpoint WHERE suspect"
    ).fetchone() == (0,)


def test_after_a_restore_the_first_incremental_cycle_walks_everything(
    task: Reconciliation, player: Player, look: psycopg.Connection, edit: Edit
) -> None:
    for _ in range(3):
        player.perform(cash.deposit, DEPOSIT)
    task.run("test", "hashes")
    look.execute("UPDATE wallet.wallet_gate SET restore_epoch = restore_epoch + 1")
    player.perform(cash.deposit, DEPOSIT)
    assert task.run("test", "incremental")["drift_buckets"] == 0
    assert look.execute("SELECT count(*) FROM wallet.counter_drift").fetchone() == (0,)
    look.execute("UPDATE wallet.wallet_gate SET restore_epoch = restore_epoch + 1")
    edit("UPDATE {p} SET request_id = 'x' WHERE account LIKE '%NORMAL' AND version = 2")
    assert _accounts(task.run("test", "incremental")) == 1


# Sealed months ------------------------------------------------------------------------------------


def test_a_closed_month_is_sealed_and_anchored_outside(
    wallet: Database, anchors: Anchors, old_month: str, look: psycopg.Connection, tmp_path: Path
) -> None:
    task = Reconciliation(wallet, anchors)
    assert old_month in task.seal_closed_months()
    assert task.seal_closed_months() == []
    line = next(
        json.loads(text)
        for text in (tmp_path / "anchors.ndjson").read_text().splitlines()
        if old_month in text
    )
    assert line["row_count"] == 50
    assert [
        anchor.digest for anchor in anchors.all()["control"] if anchor.partition == old_month
    ] == [line["digest"]]
    with pytest.raises(psycopg.errors.DatabaseError) as refused:
        look.execute(_late_row().encode())
    assert refused.value.sqlstate == "RW002"
    assert _seal_faults(task.run("test", "hashes")) == []


def _late_row() -> str:
    columns = (
        "brand_id, player_id, account, version, delta, balance_after, currency, command,"
        " request_id, transaction_id, topology_code,"
    )
    columns += " topology_version, policy_key, policy_version, restore_epoch, hash"
    return (
        f"INSERT INTO wallet.wallet_ledger ({columns}, created_at)"
        f" SELECT {columns.replace('version, delta', 'version + 1000, delta')}, '2024-01-20'"
        " FROM wallet.wallet_ledger WHERE created_at < '2024-02-01' LIMIT 1"
    )


def _seal_faults(cycle: dict[str, Any]) -> list[str]:
    return [sample["reason"] for sample in cycle["samples"] if "partition" in sample]


SEALED = (
    (
        "a row edited",
        "UPDATE {m} SET delta = delta + 1 WHERE version = 7",
        "rows of a sealed month",
    ),
    ("a row gone", "DELETE FROM {m} WHERE version = 7", "rows of a sealed month"),
    (
        "the seal made to fit",
        "UPDATE wallet.wallet_ledger_seal SET digest = '\\x00' WHERE partition = '{name}'",
        "differs from its anchor in control",
    ),
    (
        "the seal gone",
        "DELETE FROM wallet.wallet_ledger_seal WHERE partition = '{name}'",
        "is gone that is anchored in file",
    ),
)


@pytest.mark.parametrize(
    ("damage", "reason"), [case[1:] for case in SEALED], ids=[case[0] for case in SEALED]
)
def test_an_edit_of_a_sealed_month_is_found_in_rotation(
    wallet: Database,
    anchors: Anchors,
    old_month: str,
    look: psycopg.Connection,
    damage: str,
    reason: str,
) -> None:
    task = Reconciliation(wallet, anchors)
    months = task.seal_closed_months()
    look.execute(f"ALTER TABLE wallet.{old_month} DISABLE TRIGGER ALL".encode())
    look.execute(damage.format(m=f"wallet.{old_month}", name=old_month).encode())
    faults = [_seal_faults(task.run("test", "incremental")) for _ in months]
    assert any(reason in text for cycle in faults for text in cycle), faults
    found = task.run("test", "hashes")
    assert found["drift_buckets"] >= 1 and any(reason in text for text in _seal_faults(found))


def test_a_service_cannot_take_an_anchor_back(control_db: TestDatabase) -> None:
    with psycopg.connect(control_db.dsn("wallet_service"), autocommit=True) as connection:
        for statement in (
            "UPDATE control.ledger_anchor SET digest = ''",
            "DELETE FROM control.ledger_anchor",
            "TRUNCATE control.ledger_anchor",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement.encode())


def test_the_hourly_task_seals_walks_all_once_and_then_what_is_new(
    wallet: Database, anchors: Anchors, player: Player, old_month: str
) -> None:
    task = Reconciliation(wallet, anchors)
    modes = []
    for _ in range(2):
        task.hourly_turn()
        modes.append(task.last()["mode"])
    assert modes == ["hashes", "rotation"]
