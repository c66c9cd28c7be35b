"""wallet_worker deletes old rows but no unpublished event, and checks stay green."""

import psycopg
import pytest
import redis

from sql import query
from tests.cluster import TestDatabase
from tests.wallet_runtime.conftest import AsRole
from tests.wallet_runtime.events import Outbox
from tests.wallet_runtime.events import Player as EventPlayer
from tests.wallet_runtime.wallet.conftest import Player
from wallet_runtime.plumbing.events.retention import RetentionHours
from wallet_runtime.plumbing.events.streams import Streams, wallet_stream
from wallet_runtime.wallet.domain import cash
from wallet_runtime.wallet.worker import retention_of

DEPOSIT = cash.Deposit(10_000, "EUR", "SPORTS_NORMAL")


def test_only_published_events_past_their_time_go(
    as_role: AsRole, streams: Streams, wallet_outbox: Outbox, look: psycopg.Connection
) -> None:
    for _ in range(4):
        wallet_outbox.write(EventPlayer(), "ROLLING_REQUIRED")
    published = (
        "UPDATE wallet.wallet_outbox SET published_at = now() - interval '8 days',"
        " publication_no = outbox_id WHERE outbox_id IN (1, 3)"
    )
    look.execute(published)
    late = (
        "UPDATE wallet.wallet_outbox SET published_at = now() - interval '1 day',"
        " occurred_at = now() - interval '1 year'"
    )
    look.execute(f"{late} WHERE outbox_id = 2".encode())
    keeper = retention_of(as_role("wallet_worker"), streams, RetentionHours())
    assert keeper.turn() == 0, "no consumer is known to have any of them"
    look.execute("UPDATE wallet.wallet_outbox_partition SET applied_no = 4")
    assert (keeper.turn(), keeper.turn()) == (2, 0)
    assert look.execute(
        "SELECT array_agg(outbox_id ORDER BY outbox_id) FROM wallet.wallet_outbox"
    ).fetchone() == ([2, 4],)


def test_old_answers_go_and_the_gate_looks_no_further_back(
    player: Player, as_role: AsRole, streams: Streams, look: psycopg.Connection
) -> None:
    player.perform(cash.deposit, DEPOSIT, request_id="old")
    parts = look.execute(
        "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent ="
        " 'wallet.wallet_ledger'::regclass"
    ).fetchall()
    for part in (*(name for (name,) in parts), "wallet.wallet_counter_entry"):
        look.execute(f"ALTER TABLE {part} DISABLE TRIGGER ALL".encode())
    row = look.execute(
        "SELECT date_trunc('month', now() - interval '1 month')::date::text"
    ).fetchone()
    assert row is not None
    look.execute(
        (
            "CREATE TABLE wallet.long_ago PARTITION OF wallet.wallet_ledger"
            f" FOR VALUES FROM ('2000-01-01') TO ('{row[0]}')"
        ).encode()
    )
    for table in ("wallet_ledger", "wallet_counter_entry", "wallet_idempotency"):
        look.execute(
            f"UPDATE wallet.{table} SET created_at = created_at - interval '91 days'".encode()
        )
    player.perform(cash.deposit, DEPOSIT, request_id="young")
    orphans = query("reconcile_movements_without_request").encode()
    assert retention_of(as_role("wallet_worker"), streams, RetentionHours()).turn() == 1
    assert look.execute("SELECT request_id FROM wallet.wallet_idempotency").fetchall() == [
        ("young",)
    ]
    assert look.execute(orphans, {"limit": 9}).fetchall() == []
    look.execute("DELETE FROM wallet.wallet_idempotency")
    assert len(look.execute(orphans, {"limit": 9}).fetchall()) == 1, (
        "a young movement without its claim is still told"
    )


@pytest.mark.parametrize(
    "call",
    [
        "prune_outbox('59 minutes', 10)",
        "prune_outbox('1 day', NULL)",
        "prune_outbox(NULL, 10)",
        "prune_idempotency('23 hours', 10)",
        "prune_idempotency('-1 days', 10)",
        "prune_idempotency('2 days', NULL)",
    ],
)
def test_the_database_keeps_a_least_time_whatever_the_worker_is_told(
    platform_db: TestDatabase, call: str
) -> None:
    with (
        psycopg.connect(platform_db.dsn("wallet_worker")) as worker,
        pytest.raises(psycopg.DatabaseError, match="at least"),
    ):
        worker.execute(f"SELECT wallet.{call}".encode())


def test_streams_are_trimmed_behind_their_consumer(
    as_role: AsRole, streams: Streams, redis_url: str, look: psycopg.Connection
) -> None:
    with redis.Redis.from_url(redis_url) as server:
        for number in range(3):
            server.xadd(wallet_stream(2), {"n": "1"}, id=f"{1000 + number}-0")
        keeper = retention_of(as_role("wallet_worker"), streams, RetentionHours())
        assert keeper.turn() == 0, "nobody has read them"
        streams.ensure_group(wallet_stream(2), "rolling_worker")
        streams.fetch([wallet_stream(2)], "rolling_worker", "one", count=2, block_ms=None)
        streams.acknowledge(wallet_stream(2), "rolling_worker", ["1000-0", "1001-0"])
        assert keeper.turn() == 1
        assert [entry_id for entry_id, _ in server.xrange(wallet_stream(2))] == [
            b"1001-0",
            b"1002-0",
        ]
