"""If the toolkit abandons a statement, the server ends the statement and frees its locks."""

import time
from collections.abc import Callable

import psycopg
import pytest

from rubyops.adapters import migrations
from rubyops.adapters.connections import open_session
from rubyops.errors import Interrupted, Unreachable
from tests.cluster import TestDatabase
from tests.rubyops.adapters.peers import silent

pytestmark = pytest.mark.fault
LOCKING = "LOCK TABLE control.journal_head; SELECT pg_sleep(60)"
SECONDS_MAX = 20


def raising(error: Exception) -> Callable[[], None]:
    def hook() -> None:
        raise error

    return hook


def lives(dsn: str, backend: int) -> bool:
    with psycopg.connect(dsn) as connection:
        found = connection.execute("SELECT 1 FROM pg_stat_activity WHERE pid = %s", (backend,))
        return found.fetchone() is not None


@pytest.mark.parametrize(
    "error",
    [
        Interrupted(),
        Unreachable("nobody answers"),
        psycopg.OperationalError("another connection was refused"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_session_that_is_given_up_keeps_no_lock(
    control_db: TestDatabase, error: Exception
) -> None:
    """The server notices the closed connection and ends a statement that would take a minute."""
    dsn = control_db.superuser_dsn
    connection = open_session(dsn, "the server", hook=raising(error))
    backend = connection.pgconn.backend_pid
    with pytest.raises(type(error)):
        connection.execute(LOCKING)
    assert connection.closed
    deadline = time.monotonic() + SECONDS_MAX
    while lives(dsn, backend):
        assert time.monotonic() < deadline, "the server still works for a client that left"
        time.sleep(0.1)
    with psycopg.connect(dsn) as other:
        other.execute("LOCK TABLE control.journal_head NOWAIT")


def test_an_error_of_the_statement_leaves_the_session(control_db: TestDatabase) -> None:
    with open_session(control_db.superuser_dsn, "the server", autocommit=True) as connection:
        with pytest.raises(psycopg.errors.UndefinedTable):
            connection.execute("SELECT * FROM nowhere")
        assert not connection.closed


def test_a_server_that_goes_away_during_a_migration_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(migrations, "ALIVE_SECONDS", 0.0)
    with silent() as port:
        nobody = port
    look = migrations._alive(f"postgresql://ann@127.0.0.1:{nobody}/ruby")
    with pytest.raises(Unreachable, match="takes no connections any more") as told:
        look()
    assert told.value.next_command == "rubyops doctor"
