"""Reconciliation names a superuser's edit of a rolling or of its counted bets.

The edit releases no money.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest

from tests.cluster import TestDatabase
from tests.wallet_runtime.conftest import AsRole
from tests.wallet_runtime.events import Outbox
from tests.wallet_runtime.line import Line
from tests.wallet_runtime.wallet.conftest import Player
from tests.wallet_runtime.wallet.pairs import activate_split
from tests.wallet_runtime.wallet.record_edits import ROLLING_EDITS
from wallet_runtime.plumbing.events.consumer import Consumer
from wallet_runtime.plumbing.events.outbox import Publisher
from wallet_runtime.plumbing.events.streams import Streams
from wallet_runtime.plumbing.runtime.database import Database
from wallet_runtime.rolling.worker.effects import SUBSCRIPTION
from wallet_runtime.wallet.domain import bets, cash
from wallet_runtime.wallet.store.money import money_of
from wallet_runtime.wallet.store.reconciliation import Reconciliation
from wallet_runtime.wallet.worker import WALLET_OUTBOX


@dataclass
class Desk:
    """A player with two rollings, one of them with a counted bet, and the reconciliation task."""

    player: Player
    line: Line
    task: Reconciliation
    superuser: psycopg.Connection[Any]

    def bet(self, name: str, stake: int) -> None:
        """Authorize and settle a bet, and let the consumer apply its event."""
        reads = {"provider_id": "mocksports", "bet_id": name}
        self.player.perform(
            bets.authorize, bets.Authorize("mocksports", "SPORTS", name, "r", stake, "EUR"), **reads
        )
        assert (
            self.player.perform(bets.settle, bets.Settle("mocksports", name, "0"), **reads)[0]
            == 200
        )
        self.line.run()

    def undo(self, table: str) -> None:
        """Restore all rows of the table without firing a trigger."""
        self.superuser.execute("SET session_replication_role = replica")
        self.superuser.execute(f"DELETE FROM {table}".encode())
        self.superuser.execute(f"INSERT INTO {table} SELECT * FROM kept".encode())
        self.superuser.execute("RESET session_replication_role")
        self.superuser.execute("DROP TABLE kept")


@pytest.fixture
def desk(
    platform_db: TestDatabase,
    as_role: AsRole,
    streams: Streams,
    wallet_outbox: Outbox,
    superuser: psycopg.Connection[Any],
) -> Iterator[Desk]:
    """A player whose events are all consumed, on a platform where reconciliation finds no fault."""
    database = Database(platform_db.dsn("wallet_service"), "wallet-test", pool_max=2).open()
    activate_split(database)
    publisher = Publisher(WALLET_OUTBOX, as_role("wallet_worker"), streams)
    line = Line(
        wallet_outbox,
        publisher,
        Consumer(SUBSCRIPTION, as_role("rolling_worker"), streams, "copy-1"),
    )
    desk = Desk(Player(money_of(database)), line, Reconciliation(database), superuser)
    for bucket in ("SPORTS_NORMAL", "CASINO_NORMAL"):
        desk.player.perform(cash.deposit, cash.Deposit(9_000, "EUR", bucket))
    desk.bet("b1", 4_000)
    cycle = desk.task.run("test", "hashes")
    assert (cycle["drift_buckets"], cycle["samples"]) == (0, [])
    yield desk
    database.close()


def test_each_edit_of_a_rolling_is_named_by_the_next_cycle(desk: Desk) -> None:
    for edit in ROLLING_EDITS:
        desk.superuser.execute("SET session_replication_role = origin")
        desk.superuser.execute(f"CREATE TEMP TABLE kept AS SELECT * FROM {edit.table}".encode())
        fk_off = (
            "SET session_replication_role = replica"
            if edit.statement.startswith("DELETE")
            else "SELECT 1"
        )
        desk.superuser.execute(fk_off.encode())
        assert desk.superuser.execute(edit.statement.encode()).rowcount, edit.name
        samples = desk.task.run("test", "incremental")["samples"]
        desk.undo(edit.table)
        named = [
            sample
            for sample in samples
            if sample["record"] == edit.record and edit.reason in sample["reason"]
        ]
        assert named, f"{edit.name}: nobody says {edit.reason!r} in {samples}"
        clean = desk.task.run("test", "incremental")
        assert clean["drift_buckets"] == 0, (edit.name, clean["samples"])


def test_a_rolling_that_was_edited_is_not_counted_toward(desk: Desk) -> None:
    desk.superuser.execute(
        "UPDATE rolling.player_rolling SET target_turnover = 4001 WHERE turnover > 0"
    )
    desk.bet("b2", 1_000)
    state = "SELECT turnover, state FROM rolling.player_rolling WHERE turnover > 0"
    assert desk.superuser.execute(state.encode()).fetchall() == [(4_000, "ACTIVE")]
    found = desk.task.run("test", "incremental")["samples"]
    assert "target_turnover" in [sample["reason"].split(" ")[0] for sample in found]
