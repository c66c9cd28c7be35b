"""Reconciliation finds and names each edit of the ledger that a superuser can make."""

import psycopg
import pytest

from tests.wallet_runtime.wallet.conftest import Player, await_all_older
from tests.wallet_runtime.wallet.reconciling import (
    DEPOSIT,
    MODES,
    NORMAL,
    Edit,
    accounts_in,
    edit,
    found_in,
    play_bet,
    task,
)
from wallet_runtime.plumbing.runtime.database import Database
from wallet_runtime.wallet.domain import cash
from wallet_runtime.wallet.store.money import money_of
from wallet_runtime.wallet.store.reconciliation import Mode, Reconciliation

__all__ = ["edit", "task"]


@pytest.mark.parametrize("mode", MODES)
def test_a_sound_ledger_has_no_drift_in_any_mode(
    task: Reconciliation, player: Player, mode: Mode
) -> None:
    for number in range(3):
        play_bet(player, f"b{number}")
        cycle = task.run("test", mode)
        assert (cycle["drift_buckets"], cycle["conservation_breaks"], cycle["mode"]) == (0, 0, mode)


def test_an_incremental_cycle_walks_only_what_is_new(
    task: Reconciliation, player: Player, wallet: Database, look: psycopg.Connection
) -> None:
    for number in range(3):
        play_bet(player, f"b{number}")
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


# Name, statement, the modes that must find the edit, and its reason. Cycles ran before the edit, so
# the rows are old for an incremental cycle.
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
    assert any(part in text for _, text in found_in(cycle) for part in reason.split("|")), found_in(
        cycle
    )
    # A found account stays suspect, so even an incremental cycle reports it again.
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
    assert accounts_in(cycle) == 1, cycle
    assert any(part in text for _, text in found_in(cycle) for part in reason.split("|")), found_in(
        cycle
    )
    assert accounts_in(task.run("test", "incremental")) == 1
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
    assert accounts_in(cycle) == 1 and cycle["conservation_breaks"] == 1
    assert found_in(cycle)[0][0].startswith("GRANT/") and "no ledger row" in found_in(cycle)[0][1]


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
    assert accounts_in(task.run("test", "incremental")) == 1
