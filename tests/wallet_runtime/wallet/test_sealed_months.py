"""Closed months of the ledger: sealed with a digest, anchored elsewhere, and verified in turn."""

import json
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.cluster import TestDatabase
from tests.wallet_runtime.wallet.conftest import Player
from tests.wallet_runtime.wallet.reconciling import anchors
from wallet_runtime.plumbing.runtime.database import Database
from wallet_runtime.wallet.store.anchors import Anchors
from wallet_runtime.wallet.store.reconciliation import Reconciliation

__all__ = ["anchors"]


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
