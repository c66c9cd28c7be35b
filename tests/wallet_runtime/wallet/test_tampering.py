"""No service can rewrite the ledger, and hourly cycles find a superuser's edits (ADR 10)."""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import psycopg
import pytest

from rubyops.adapters.local.keyring import LOGIN_ROLES
from tests.cluster import TestDatabase
from tests.wallet_runtime.wallet.conftest import Player, await_all_older
from wallet_runtime.plumbing.runtime.database import Database
from wallet_runtime.wallet.domain import cash, coupons
from wallet_runtime.wallet.domain.state import Scope
from wallet_runtime.wallet.store.money import money_of
from wallet_runtime.wallet.store.reconciliation import Reconciliation

ROUND = 24  # number of hourly cycles that walk all accounts
PLAYERS = 50
DEPOSIT = cash.Deposit(10_000, "EUR", "SPORTS_NORMAL")
NORMAL = "RUBY_SPLIT_V1/SPORTS_NORMAL"
PARTITIONS = (
    "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent ="
    " 'wallet.wallet_ledger'::regclass"
)
COLUMNS = """
SELECT table_name, min(column_name::text) FROM information_schema.columns
 WHERE table_schema = 'wallet' AND is_generated = 'NEVER' GROUP BY 1
"""
MONEY_TABLES = (
    "wallet_bucket",
    "wallet_balances",
    "wallet_coupon_grant",
    "wallet_ledger",
    "wallet_counter_entry",
    "wallet_counter_sum",
    "wallet_counter_fold",
    "wallet_bet_authorization",
    "wallet_transfer",
    "ledger_transactions",
    "wallet_rolling_obligation",
    "wallet_bonus",
    "wallet_adjustment",
    "wallet_idempotency",
    "wallet_claim",
    "wallet_lock",
    "wallet_reference",
    "wallet_record_seal",
    "wallet_player",
    "wallet_gate",
    "wallet_activation",
    "wallet_reconciliation_mark",
    "wallet_reconciliation_checkpoint",
)
STATEMENTS = (
    "UPDATE wallet.{0} SET {1} = {1}",
    "DELETE FROM wallet.{0}",
    "TRUNCATE wallet.{0}",
    "INSERT INTO wallet.{0} ({1}) SELECT {1} FROM wallet.{0}",
    "ALTER TABLE wallet.{0} DISABLE TRIGGER ALL",
    "ALTER TABLE wallet.{0} DISABLE TRIGGER USER",
    "DROP TABLE wallet.{0}",
)
AROUND = (
    "SET session_replication_role = replica",
    "SET ROLE wallet_owner",
    "SET SESSION AUTHORIZATION wallet_owner",
    "DROP TRIGGER immutable_rows ON {0}",
    "ALTER TABLE wallet.wallet_ledger DETACH PARTITION {0}",
    (
        "CREATE OR REPLACE FUNCTION wallet.refuse_change() RETURNS trigger LANGUAGE plpgsql AS"
        " 'BEGIN RETURN NEW; END'"
    ),
)
MARK = (
    "SELECT rotated_brand = '00000000-0000-0000-0000-000000000000' FROM"
    " wallet.wallet_reconciliation_mark"
)
Edit = Callable[..., None]


@pytest.fixture
def sealed_month(look: psycopg.Connection, old_month: str) -> str:
    """The partition of a closed and sealed month."""
    look.execute("SELECT wallet.seal_month(%s)", [old_month])
    return old_month


@pytest.mark.parametrize("role", LOGIN_ROLES)
def test_no_login_role_can_change_money_or_its_guards(
    platform_db: TestDatabase, look: psycopg.Connection, sealed_month: str, role: str
) -> None:
    partitions = [str(row[0]) for row in look.execute(PARTITIONS)]
    assert f"wallet.{sealed_month}" in partitions and len(partitions) >= 8
    tables = [*MONEY_TABLES, *(name.removeprefix("wallet.") for name in partitions)]
    columns: dict[str, str] = dict(look.execute(COLUMNS))
    with psycopg.connect(platform_db.dsn(role), autocommit=True) as connection:
        connection.execute("SET default_transaction_read_only = off")
        wanted = [
            statement.format(table, columns[table]) for table in tables for statement in STATEMENTS
        ]
        for statement in (
            *wanted,
            *(each.format(partition) for partition in partitions for each in AROUND),
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement.encode())


def test_even_the_owner_cannot_change_the_ledger_without_dropping_its_guards(
    player: Player, look: psycopg.Connection, sealed_month: str
) -> None:
    player.perform(cash.deposit, DEPOSIT)
    partitions = [str(row[0]) for row in look.execute(PARTITIONS)]
    for table in ("wallet.wallet_ledger", *partitions, "wallet.wallet_counter_entry"):
        with pytest.raises(psycopg.errors.DatabaseError) as error:
            look.execute(f"TRUNCATE {table}".encode())
        assert error.value.sqlstate == "RW002"
    look.execute("SET session_replication_role = replica")
    statements = (
        "UPDATE wallet.wallet_ledger SET delta = 1",
        "DELETE FROM wallet.wallet_counter_entry",
        f"DELETE FROM wallet.{sealed_month}",
    )
    for statement in statements:
        with pytest.raises(psycopg.errors.DatabaseError) as error:
            look.execute(statement.encode())
        assert error.value.sqlstate == "RW002"


# --- edits of a superuser


@pytest.fixture
def players(wallet: Database, look: psycopg.Connection) -> list[Player]:
    """Players with three ledger rows and one coupon each, in the order of their keys.

    A cycle has walked all their rows, so the rows are old for an incremental cycle.
    """
    made = [Player(money_of(wallet)) for _ in range(PLAYERS)]
    for player in made:
        for _ in range(3):
            player.perform(cash.deposit, DEPOSIT)
        player.perform(
            coupons.issue, coupons.Issue(f"log-{player.player_id}", 500, "EUR", Scope("sports"))
        )
    await_all_older(look)
    Reconciliation(wallet).run("test", "hashes")
    return sorted(made, key=lambda player: (player.brand_id, player.player_id))


@pytest.fixture
def edit(look: psycopg.Connection) -> Iterator[Edit]:
    """A function that runs a superuser's edit for one player, with the guards off.

    In the statement, `{p}` stands for the partition of the newest ledger row.
    """
    found = (
        "SELECT tableoid::regclass::text FROM wallet.wallet_ledger ORDER BY created_at DESC LIMIT 1"
    )

    def rewrite(statement: str, player: UUID) -> None:
        row = look.execute(found.encode()).fetchone()
        assert row is not None
        for table in (row[0], "wallet.wallet_counter_entry"):
            look.execute(f"ALTER TABLE {table} DISABLE TRIGGER ALL".encode())
        look.execute(statement.format(p=row[0]).encode(), {"player": player})

    yield rewrite


def _of_ledger(cycle: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the findings about the ledger and the running sums.

    Other samples report the same edit as a fault of a record.
    """
    return [sample for sample in cycle["samples"] if "record" not in sample]


def _cycles_until_found(task: Reconciliation) -> tuple[int, dict[str, Any]]:
    """Run hourly cycles until the walk over the ledger finds a fault.

    Return the number of cycles and the first sample.
    """
    for number in range(1, ROUND + 1):
        task.hourly_turn()
        found = _of_ledger(task.last())
        if found:
            return number, found[0]
    raise AssertionError(f"{ROUND} hourly cycles have found nothing")


PLANTED_ROW = """
INSERT INTO wallet.wallet_ledger (brand_id, player_id, account, version, delta, balance_after,
       currency, command, request_id, transaction_id, topology_code, topology_version, policy_key,
       policy_version, restore_epoch, previous_hash, hash, xid, created_at)
SELECT brand_id, {who}, account, version + 1, 5, balance_after + 5, currency, command, 'planted',
       gen_random_uuid(), topology_code, topology_version, policy_key, policy_version,
       restore_epoch, hash, sha256(hash), {xid}, created_at
  FROM wallet.wallet_ledger WHERE player_id = %(player)s AND account LIKE '%%NORMAL' AND version = 3
"""
OF_ROW = "WHERE player_id = %(player)s AND account LIKE '%%NORMAL' AND version = {version}"
AT_ONCE, IN_A_ROUND = 1, ROUND
PLACES = (0, PLAYERS // 2, PLAYERS - 1)
# The statement, the cycles that may pass until the finding, the version of the last good row, and
# the reason.
EDITS: dict[str, tuple[str, int, int | None, str]] = {
    "a bucket": (
        (
            "UPDATE wallet.wallet_bucket SET balance = balance + 1 WHERE player_id = %(player)s"
            " AND bucket_type_code = 'SPORTS_NORMAL'"
        ),
        AT_ONCE,
        3,
        "the balance differs",
    ),
    "cash": (
        "UPDATE wallet.wallet_balances SET balance_real_available = 7 WHERE player_id = %(player)s",
        AT_ONCE,
        6,
        "the balance differs",
    ),
    "a grant": (
        "UPDATE wallet.wallet_coupon_grant SET balance = 501 WHERE player_id = %(player)s",
        AT_ONCE,
        1,
        "the balance differs",
    ),
    "a new row": (
        PLANTED_ROW.format(who="player_id", xid="pg_current_xact_id()"),
        AT_ONCE,
        3,
        "ledger row 4 was changed or added",
    ),
    "a row that claims to be old": (
        PLANTED_ROW.format(who="player_id", xid="'3'"),
        IN_A_ROUND,
        3,
        "ledger row 4 was changed or added",
    ),
    "an old row of nobody": (
        PLANTED_ROW.format(who="gen_random_uuid()", xid="'3'"),
        IN_A_ROUND,
        0,
        "ledger row 4 was changed or added",
    ),
    "an old amount": (
        "UPDATE {p} SET delta = delta + 1 " + OF_ROW.format(version=1),
        IN_A_ROUND,
        0,
        "ledger row 1 was changed",
    ),
    "an old request id": (
        "UPDATE {p} SET request_id = 'x' " + OF_ROW.format(version=2),
        IN_A_ROUND,
        1,
        "ledger row 2 was changed",
    ),
    "an old hash": (
        "UPDATE {p} SET hash = sha256('x') " + OF_ROW.format(version=3),
        IN_A_ROUND,
        2,
        "ledger row 3 was changed",
    ),
    "an old row gone": (
        "DELETE FROM {p} " + OF_ROW.format(version=2),
        IN_A_ROUND,
        1,
        "the row before it is missing",
    ),
    "all rows gone": (
        "DELETE FROM {p} WHERE player_id = %(player)s AND account LIKE '%%NORMAL'",
        IN_A_ROUND,
        0,
        "has a balance or version but no ledger row",
    ),
}


# The edits take turns with the first, a middle and the last player of the walk.
CASES = [(PLACES[number % len(PLACES)], *case) for number, case in enumerate(EDITS.values())]


@pytest.mark.parametrize(("which", "statement", "cycles", "last_good", "reason"), CASES, ids=EDITS)
def test_an_edit_is_found_by_the_hourly_cycles_and_named(
    wallet: Database,
    players: list[Player],
    edit: Edit,
    which: int,
    statement: str,
    cycles: int,
    last_good: int | None,
    reason: str,
) -> None:
    victim, task = players[which], Reconciliation(wallet)
    edit(statement, victim.player_id)
    if cycles == IN_A_ROUND:
        assert _of_ledger(task.run("test", "incremental")) == [], (
            "an incremental cycle alone never looks there again"
        )
    number, sample = _cycles_until_found(task)
    assert number <= cycles
    assert reason in sample["reason"], sample
    assert (
        sample["brand_id"] == str(victim.brand_id) and sample["last_good_version"] == last_good
    ), sample
    assert {"account", "expected", "actual", "last_good"} <= sample.keys()
    if "gen_random_uuid(), account" not in statement:
        assert sample["player_id"] == str(victim.player_id)


def test_a_counter_entry_that_is_rewritten_is_found_when_the_round_ends(
    wallet: Database, players: list[Player], edit: Edit
) -> None:
    task = Reconciliation(wallet)
    edit(
        (
            "UPDATE wallet.wallet_counter_entry SET delta = delta - 1 WHERE player_id ="
            " %(player)s AND account = 'PROMO'"
        ),
        players[3].player_id,
    )
    _, sample = _cycles_until_found(task)
    assert sample["account"] == "PROMO" and "running sum differs" in sample["reason"]


def test_a_round_walks_every_row_once_and_suspects_nobody(
    wallet: Database, players: list[Player], look: psycopg.Connection
) -> None:
    walked, cycles = 0, 0
    total = look.execute("SELECT count(*) FROM wallet.wallet_ledger").fetchone()
    while cycles == 0 or look.execute(MARK).fetchone() != (True,):
        with look.transaction():
            look.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            row = look.execute(
                "SELECT walked_total, drift_total FROM wallet.walk_ledger('rotation', 5)"
            ).fetchone()
        assert row is not None and row[1] == 0
        walked, cycles = walked + row[0], cycles + 1
    assert total is not None and walked == total[0]
    assert cycles <= ROUND
