"""The lease keeps trying to renew while `control` refuses or hangs, and hides no error."""

import time
from collections.abc import Iterator
from datetime import datetime

import psycopg
import pytest

from rubyops.adapters.control import ControlDatabase
from rubyops.adapters.database import Bounds, Link
from rubyops.adapters.host import this_process
from rubyops.engine.run import lease
from rubyops.engine.run.lease import Lease
from tests.cluster import TestDatabase
from tests.rubyops.adapters.peers import backends, stopped, timed

SHORT = Bounds(call=0.5, connect=0.4, long=1.0, doubt=0.3)
BEATS = 0.05
pytestmark = pytest.mark.fault


@pytest.fixture
def held(control_db: TestDatabase, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lease]:
    monkeypatch.setattr(lease, "HEARTBEAT_SECONDS", BEATS)
    link = Link(lambda: control_db.dsn("rubyops_ops"), "control", bounds=SHORT)
    taken = Lease(ControlDatabase(link), "r-1", this_process())
    yield taken
    taken.close()
    link.close()


def change(database: TestDatabase, statement: str) -> None:
    with psycopg.connect(database.superuser_dsn) as connection:
        connection.execute(statement)


def expires_at(database: TestDatabase) -> datetime:
    with psycopg.connect(database.superuser_dsn) as connection:
        row = connection.execute("SELECT expires_at FROM control.run_lock").fetchone()
    assert row is not None
    found: datetime = row[0]
    return found


def assert_it_beats(database: TestDatabase) -> None:
    before, deadline = expires_at(database), time.monotonic() + 10
    while expires_at(database) == before:
        assert time.monotonic() < deadline, "the lease is not renewed any more"
        time.sleep(BEATS)


def test_a_refused_renewal_does_not_end_the_beat(held: Lease, control_db: TestDatabase) -> None:
    assert_it_beats(control_db)
    change(control_db, "REVOKE UPDATE ON control.run_lock FROM rubyops_ops")
    time.sleep(10 * BEATS)
    change(control_db, "GRANT UPDATE ON control.run_lock TO rubyops_ops")
    assert_it_beats(control_db)


def test_the_end_of_a_run_is_told_though_the_lock_cannot_be_given_back(
    held: Lease, control_db: TestDatabase
) -> None:
    change(control_db, "REVOKE UPDATE, DELETE ON control.run_lock FROM rubyops_ops")
    held.close()


@pytest.mark.embedded_only(reason="it stops a server process, which has to be on this machine")
def test_a_hung_connection_is_replaced_by_the_beat(held: Lease, control_db: TestDatabase) -> None:
    (backend,) = backends(control_db.superuser_dsn)
    with stopped(backend):
        assert_it_beats(control_db)
        with timed() as seconds:
            held.check()
        assert seconds[0] < 3 * SHORT.call
