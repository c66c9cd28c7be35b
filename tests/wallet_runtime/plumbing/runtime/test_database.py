"""The database layer: named statements, and driver errors translated into errors of the API."""

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import UUID, uuid4

import psycopg
import pytest

from sql import QueryFileError
from tests.cluster import TestDatabase
from tests.wallet_runtime.serving import NO_SERVER
from wallet_runtime.contract.processes import PROCESSES, WALLET_SERVICE
from wallet_runtime.plumbing.errors import ApiError, ServiceBusy, Unavailable
from wallet_runtime.plumbing.runtime.database import Database, DatabaseError, translated

BRAND = uuid4()


@pytest.fixture
def database(platform_db: TestDatabase) -> Iterator[Database]:
    opened = Database(platform_db.dsn("player_service"), "test", pool_max=2).open()
    yield opened
    opened.close()


def create(database: Database, player_id: UUID, currency: str | None = "EUR") -> int:
    with database.session() as session:
        return session.run(
            "player_create", brand_id=BRAND, player_id=player_id, currency=currency, canary=False
        )


def test_named_statements_run_and_rows_are_dicts(database: Database) -> None:
    player_id = uuid4()
    assert create(database, player_id) == 1
    assert create(database, player_id) == 0
    with database.session() as session:
        row = session.maybe("player_read", brand_id=BRAND, player_id=player_id)
        assert row == {
            "player_id": player_id,
            "currency": "EUR",
            "status": "active",
            "canary": False,
        }
        assert session.maybe("player_read", brand_id=BRAND, player_id=uuid4()) is None
        with pytest.raises(AssertionError, match="exactly one was promised"):
            session.one("player_read", brand_id=BRAND, player_id=uuid4())
        with pytest.raises(QueryFileError, match="no query is named 'nothing'"):
            session.all("nothing")


def test_a_transaction_is_whole_or_nothing(database: Database) -> None:
    player_id = uuid4()
    values = {"brand_id": BRAND, "player_id": player_id, "currency": "EUR", "canary": False}
    with pytest.raises(ZeroDivisionError), database.transaction() as session:
        session.run("player_create", **values)
        raise ZeroDivisionError
    with database.session() as session:
        assert session.maybe("player_read", brand_id=BRAND, player_id=player_id) is None


def test_jsonb_goes_in_and_out(control_db: TestDatabase) -> None:
    control = Database(control_db.dsn("gateway"), "test").open()
    detail = {"at": datetime(2026, 1, 1, tzinfo=UTC), "list": [1, {"a": "ü"}]}
    values = {
        "process": "gateway",
        "copy": 1,
        "url": "u",
        "version": "1",
        "pid": 1,
        "acknowledged_epoch": 0,
        "ready": True,
    }
    with control.session() as session:
        session.run("control_write_heartbeat", **values, detail=detail)
    with psycopg.connect(control_db.superuser_dsn) as connection:
        stored = connection.execute("SELECT detail FROM control.service_copy").fetchone()
    assert stored == ({"at": "2026-01-01T00:00:00Z", "list": [1, {"a": "ü"}]},)
    control.close()


def test_a_refusal_of_the_database_keeps_its_words(database: Database) -> None:
    with pytest.raises(DatabaseError) as refusal:
        create(database, uuid4(), currency=None)
    assert refusal.value.sqlstate == "23502"
    assert "currency" in refusal.value.message
    with pytest.raises(DatabaseError) as refusal, database.session() as session:
        session.run("gateway_write_maintenance", is_active=True, message="not mine")
    assert refusal.value.sqlstate == "42501"


def test_a_lock_that_is_not_given_in_time_is_busy(platform_db: TestDatabase) -> None:
    database = Database(
        platform_db.dsn("player_service") + "?options=-clock_timeout%3D100ms", "test"
    ).open()
    with psycopg.connect(platform_db.superuser_dsn) as blocker:
        blocker.execute("LOCK TABLE player.player")
        with pytest.raises(ServiceBusy) as refusal:
            create(database, uuid4())
    assert (refusal.value.status, refusal.value.retry_after) == (503, 1)
    database.close()


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("53100", Unavailable),
        ("58030", Unavailable),
        ("53300", ServiceBusy),
        ("40001", ServiceBusy),
    ],
)
def test_a_server_without_room_is_a_503(
    platform_db: TestDatabase, state: str, expected: type[ApiError]
) -> None:
    """A full disk, an I/O error or too many connections become a 503 (faults 24 and 28)."""
    with (
        psycopg.connect(platform_db.dsn("player_service")) as connection,
        pytest.raises(expected, match="repeat"),
        translated("test"),
    ):
        connection.execute(
            f"DO $$ BEGIN RAISE EXCEPTION 'as it does' USING ERRCODE = '{state}'; END $$".encode()
        )


def test_a_deadlock_is_busy(platform_db: TestDatabase) -> None:
    """PostgreSQL ends one side of a deadlock, and the other side continues (fault 23)."""
    with (
        psycopg.connect(platform_db.superuser_dsn) as one,
        psycopg.connect(platform_db.dsn("player_service")) as other,
    ):
        one.execute("SELECT pg_advisory_xact_lock(1)")
        other.execute("SELECT pg_advisory_xact_lock(2)")
        waiter = threading.Thread(
            target=lambda: one.execute(
                "SET LOCAL deadlock_timeout = '60s'; SELECT pg_advisory_xact_lock(2)"
            )
        )
        waiter.start()
        with pytest.raises(ServiceBusy, match="40P01"), translated("test"):
            other.execute("SELECT pg_advisory_xact_lock(1)")
        other.rollback()
        waiter.join(10)
        assert not waiter.is_alive()


@pytest.mark.parametrize("role", PROCESSES)
def test_every_role_has_its_bounds(platform_db: TestDatabase, role: str) -> None:
    """By default PostgreSQL sets no such timeouts, so each role has its own (faults 25 and 26)."""
    with psycopg.connect(platform_db.dsn(role)) as connection:
        names = ("lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout")
        shown = [connection.execute(f"SHOW {name}".encode()).fetchall()[0][0] for name in names]
    assert shown == ["2s", "30s" if role == WALLET_SERVICE else "10s", "30s"]


def test_a_pool_that_is_used_up_is_busy_within_its_bound(database: Database) -> None:
    held, done = threading.Barrier(3), threading.Event()

    def hold() -> None:
        with database.session():
            held.wait()
            done.wait(10)

    threads = [threading.Thread(target=hold) for _ in range(2)]
    for thread in threads:
        thread.start()
    held.wait()
    started = time.monotonic()
    with pytest.raises(ServiceBusy), database.session():
        pass
    assert 1.5 < time.monotonic() - started < 3
    done.set()
    for thread in threads:
        thread.join()


def test_connections_that_the_server_closed_while_idle_are_replaced_unseen(
    database: Database, platform_db: TestDatabase
) -> None:
    create(database, uuid4())
    platform_db.end_sessions("test")
    assert create(database, uuid4()) == 1


def test_a_connection_that_breaks_in_use_is_unavailable(
    database: Database, platform_db: TestDatabase
) -> None:
    with pytest.raises(Unavailable), database.session() as session:
        session.one("health_database")
        platform_db.end_sessions("test")
        session.one("health_database")
    assert create(database, uuid4()) == 1


def test_an_absent_server_is_a_503_within_the_pools_bound() -> None:
    database = Database(NO_SERVER, "nowhere").open()
    with pytest.raises(Unavailable) as refusal, database.session():
        pass
    assert refusal.value.status == 503
    database.close()


def test_without_prepared_statements_the_server_keeps_none(platform_db: TestDatabase) -> None:
    for threshold, expected in ((None, 0), (0, 1)):
        database = Database(
            platform_db.dsn("player_service"), "test", pool_max=1, prepare_threshold=threshold
        ).open()
        with database.session() as session:
            session.one("health_database")
            count = session._connection.execute(
                "SELECT count(*) AS n FROM pg_prepared_statements", prepare=False
            ).fetchone()
        assert count == {"n": expected}
        database.close()
