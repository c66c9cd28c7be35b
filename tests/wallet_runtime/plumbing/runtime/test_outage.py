"""After an outage of the database, all clients are answered again without a restart."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests.cluster import TestDatabase
from tests.wire import Fault, Wire, wire
from wallet_runtime.plumbing.errors import Unavailable
from wallet_runtime.plumbing.runtime.database import POOL_TIMEOUT_SECONDS, Database

pytestmark = pytest.mark.fault
CLIENTS = 9
OUTAGE_SECONDS = 3 * POOL_TIMEOUT_SECONDS
HEALED_SECONDS_MAX = 10.0


class Client:
    """A thread that queries the database in a loop and keeps the time of its last answer."""

    def __init__(self, database: Database, stopping: threading.Event) -> None:
        """Start the thread."""
        self.answered_at = 0.0
        self._database, self._stopping = database, stopping
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self) -> None:
        while not self._stopping.wait(0.1):
            try:
                with self._database.session() as session:
                    session.one("health_database")
            except Unavailable:
                continue
            self.answered_at = time.monotonic()


@contextmanager
def clients(database: Database) -> Iterator[list[Client]]:
    stopping = threading.Event()
    asking = [Client(database, stopping) for _ in range(CLIENTS)]
    try:
        yield asking
    finally:
        stopping.set()
        for client in asking:
            client.thread.join(HEALED_SECONDS_MAX)


@contextmanager
def reached_by_wire(dsn: str) -> Iterator[tuple[Wire, Database]]:
    """Open a pool of two connections to PostgreSQL, through a proxy that the test can break."""
    parts = conninfo_to_dict(dsn)
    with wire(int(str(parts["port"]))) as line:
        database = Database(make_conninfo(dsn, port=line.port), "test", pool_max=2).open()
        try:
            yield line, database
        finally:
            database.close()


def answered_since(asking: list[Client], moment: float) -> bool:
    """Wait until each client had an answer after `moment`; return whether that happened in time."""
    deadline = time.monotonic() + HEALED_SECONDS_MAX
    while time.monotonic() < deadline:
        if all(client.answered_at > moment for client in asking):
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize("fault", ["refusing", "hanging", "cut"])
def test_every_client_is_answered_again_after_an_outage(
    platform_db: TestDatabase, fault: Fault
) -> None:
    with (
        reached_by_wire(platform_db.dsn("player_service")) as (line, database),
        clients(database) as asking,
    ):
        assert answered_since(asking, 0)
        line.break_by(fault)
        broken_at = time.monotonic()
        time.sleep(OUTAGE_SECONDS)
        assert all(client.answered_at < broken_at + 0.5 for client in asking), (
            "nobody is answered meanwhile"
        )
        line.mend()
        assert answered_since(asking, time.monotonic())
