"""Fixtures and helpers for tests of reconciliation."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.cluster import TestDatabase
from tests.wallet_runtime.wallet.conftest import Player
from wallet_runtime.plumbing.runtime.database import Database
from wallet_runtime.wallet.domain import bets, cash
from wallet_runtime.wallet.store.anchors import Anchors
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
    """Return a function that runs a superuser's statement with the ledger's guards off.

    In the statement, `{p}` stands for the partition of the newest ledger row.
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


def found_in(cycle: dict[str, Any]) -> list[tuple[str, str]]:
    return [
        (str(sample.get("account") or sample.get("partition")), sample["reason"])
        for sample in cycle["samples"]
        if "reason" in sample
    ]


def accounts_in(cycle: dict[str, Any]) -> int:
    """Count the accounts that the walk over the ledger reports.

    Other samples report the same edit as a fault of a record, and do not count here.
    """
    return sum("last_good_version" in sample for sample in cycle["samples"])


def play_bet(player: Player, bet: str) -> None:
    reads = {"provider_id": "mocksports", "bet_id": bet}
    player.perform(cash.deposit, DEPOSIT)
    player.perform(
        bets.authorize, bets.Authorize("mocksports", "SPORTS", bet, "r1", 4_000, "EUR"), **reads
    )
    player.perform(bets.settle, bets.Settle("mocksports", bet, "55"), **reads)
