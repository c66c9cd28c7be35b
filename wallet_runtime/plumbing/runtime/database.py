"""Access to PostgreSQL: a connection pool, statements by name, rows as dicts.

This module alone translates the driver's errors, so callers see `ApiError` or `DatabaseError`.
"""

import select
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from types import TracebackType
from typing import Any

import msgspec
import psycopg
from psycopg.adapt import Dumper
from psycopg.rows import DictRow, dict_row
from psycopg.types.json import Jsonb, set_json_dumps, set_json_loads
from psycopg_pool import ConnectionPool, PoolTimeout, TooManyRequests

from sql import query
from wallet_runtime.contract import sqlstates
from wallet_runtime.contract.freeze import SEALED
from wallet_runtime.plumbing.errors import (
    ApiError,
    FencingTokenOvertaken,
    Maintenance,
    ServiceBusy,
    Unavailable,
)

Row = dict[str, Any]
POOL_TIMEOUT_SECONDS = 2.0
CONNECT_TIMEOUT_SECONDS = 3
TCP_USER_TIMEOUT_MILLISECONDS = 10_000
# While the process waits for an answer it sends nothing. Then only TCP keepalives detect that the
# server's machine is gone, after 5 + 3 * 2 = 11 seconds.
KEEPALIVES = {"keepalives_idle": 5, "keepalives_interval": 2, "keepalives_count": 3}
SEALED_RETRY_SECONDS = 5
REPEAT = "repeat the request later under the same request id"
UNDER_SEAL = {"freeze_level": SEALED}
OURS: dict[str | None, Callable[[], ApiError]] = {
    sqlstates.FENCE_OVERTAKEN: FencingTokenOvertaken,
    sqlstates.MONEY_SEALED: lambda: Maintenance(
        details=UNDER_SEAL, retry_after=SEALED_RETRY_SECONDS
    ),
}
BUSY_STATES = frozenset({"55P03", "57014", "40001", "40P01", "53300"})
_CONNECTION_CLASSES = (
    "08",
    "57P",
    "25P03",
)  # 25P03: the server ended a transaction that was idle for too long
_SPENT_CLASSES = ("53", "58")  # 53: disk or memory is full; 58: a file cannot be read or written


class DatabaseError(Exception):
    """The database refused a statement; a store may translate the `sqlstate` to its own error."""

    def __init__(self, error: psycopg.Error) -> None:
        """Copy the SQLSTATE, message, detail and context of the server's error."""
        self.sqlstate = error.sqlstate or ""
        self.message = error.diag.message_primary or str(error)
        self.detail = error.diag.message_detail or ""
        self.context = error.diag.context or ""
        super().__init__(f"{self.sqlstate} {self.message}")


class DatabaseSession:
    """Runs named statements on one borrowed connection.

    Keyword arguments are the statement's parameters. A dict is sent as jsonb; a list must be
    wrapped in `json` for that.
    """

    def __init__(self, connection: psycopg.Connection[DictRow], name: str) -> None:
        """Wrap a borrowed and prepared connection; errors name the database as `name`."""
        self._connection = connection
        self._name = name

    def one(self, query_name: str, /, **values: object) -> Row:
        """Run a statement and return its only row; another number of rows is a bug."""
        rows = self.all(query_name, **values)
        if len(rows) != 1:
            raise _broken_promise(query_name, len(rows), "exactly one")
        return rows[0]

    def maybe(self, query_name: str, /, **values: object) -> Row | None:
        """Run a statement and return its row, or None; more than one row is a bug."""
        rows = self.all(query_name, **values)
        if len(rows) > 1:
            raise _broken_promise(query_name, len(rows), "at most one")
        return rows[0] if rows else None

    def all(self, query_name: str, /, **values: object) -> list[Row]:
        """Run a statement and return all rows."""
        return self._execute(query_name, values).fetchall()

    def run(self, query_name: str, /, **values: object) -> int:
        """Run a statement and return the number of affected rows."""
        return self._execute(query_name, values).rowcount

    def _execute(self, query_name: str, values: dict[str, object]) -> psycopg.Cursor[DictRow]:
        # Errors are translated here and not only at the end of the session, so that a store can
        # handle a `DatabaseError` inside the session.
        try:
            return self._connection.execute(query(query_name).encode(), values)
        except psycopg.Error as error:
            raise _translate(error, self._name) from error


def _broken_promise(query_name: str, count: int, promised: str) -> AssertionError:
    return AssertionError(f"query {query_name} returned {count} rows where {promised} was promised")


class Database:
    """A pool of autocommit connections to one database."""

    def __init__(
        self,
        url: str,
        name: str,
        *,
        pool_min: int = 1,
        pool_max: int = 8,
        prepare_threshold: int | None = 0,
    ) -> None:
        """Build the pool, which connects after `open`; pg_stat_activity shows `name`."""
        self.name = name
        self.pool_max = pool_max
        self._prepare_threshold = prepare_threshold
        # The number of connections made so far. A cache compares it, because a new connection may
        # lead to another server.
        self.generation = 0
        self._pool = ConnectionPool(
            url,
            connection_class=psycopg.Connection[DictRow],
            kwargs={
                "autocommit": True,
                "row_factory": dict_row,
                "application_name": name,
                "connect_timeout": CONNECT_TIMEOUT_SECONDS,
                "tcp_user_timeout": TCP_USER_TIMEOUT_MILLISECONDS,
                **KEEPALIVES,
            },
            min_size=pool_min,
            max_size=pool_max,
            timeout=POOL_TIMEOUT_SECONDS,
            # No max_waiting: the pool counts clients that gave up as waiting until it connects
            # again. At the limit it would refuse new clients and never reconnect. The number of
            # threads bounds the waiting clients instead.
            num_workers=1,
            # After this time the pool stops its attempts to reconnect, and the next client starts
            # a new attempt at once. So a restarted server is found soon.
            reconnect_timeout=POOL_TIMEOUT_SECONDS,
            configure=self._configure,
            check=refuse_dead,
            open=False,
            name=name,
        )

    def open(self) -> "Database":
        """Start connecting in the background; calls raise `Unavailable` if the server is down."""
        self._pool.open(wait=False)
        return self

    def close(self) -> None:
        """Close all connections; wait at most two seconds for the pool's thread."""
        self._pool.close(timeout=2.0)

    def session(self) -> AbstractContextManager[DatabaseSession]:
        """Borrow a connection for a `with` block; each statement is a transaction of its own."""
        return _Borrowed(self._pool, self.name)

    @contextmanager
    def transaction(self) -> Iterator[DatabaseSession]:
        """Borrow a connection for a `with` block that is one transaction.

        The end of the block commits it, and any error rolls it back.
        """
        with translated(self.name), self._pool.connection() as connection, connection.transaction():
            yield DatabaseSession(connection, self.name)

    def _configure(self, connection: psycopg.Connection[DictRow]) -> None:
        self.generation += 1
        prepare_connection(connection, self._prepare_threshold)


class _Borrowed:
    # A replacement of `pool.connection()`, whose generator and no-op COMMIT took 10% of a bet's
    # Python time (ADR 11).

    def __init__(self, pool: ConnectionPool[psycopg.Connection[DictRow]], name: str) -> None:
        self._pool, self._name = pool, name

    def __enter__(self) -> DatabaseSession:
        try:
            self._connection = self._pool.getconn()
        except psycopg.Error as error:
            raise _translate(error, self._name) from error
        return DatabaseSession(self._connection, self._name)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._pool.putconn(self._connection)
        if isinstance(error, psycopg.Error):
            raise _translate(error, self._name) from error


def json(value: object) -> Jsonb:
    """Wrap a list or a scalar, so that the driver sends it as jsonb."""
    return Jsonb(value)


class _DictDumper(Dumper):
    oid = psycopg.adapters.types["jsonb"].oid

    def dump(self, obj: object) -> bytes:
        return msgspec.json.encode(obj)


def prepare_connection(
    connection: psycopg.Connection[DictRow], prepare_threshold: int | None
) -> None:
    """Set when a new connection prepares statements, and let msgspec encode and decode its JSON."""
    connection.prepare_threshold = prepare_threshold
    connection.adapters.register_dumper(dict, _DictDumper)
    set_json_dumps(msgspec.json.encode, connection)
    set_json_loads(msgspec.json.decode, connection)


def refuse_dead(connection: psycopg.Connection[DictRow]) -> None:
    """Raise `OperationalError` if the server has closed an idle connection.

    It needs no round trip: an idle connection has data or an event on its socket only if the server
    has closed it.
    """
    watch = select.poll()
    watch.register(connection.fileno(), select.POLLIN | select.POLLHUP | select.POLLERR)
    if watch.poll(0):
        # Without this the pool would take the connection back as a good one.
        connection.close()
        raise psycopg.OperationalError("the server closed this idle connection")


@contextmanager
def translated(name: str) -> Iterator[None]:
    """Translate the driver's errors to an `ApiError`, or to `DatabaseError` for a store."""
    try:
        yield
    except psycopg.Error as error:
        raise _translate(error, name) from error


def _translate(error: psycopg.Error, name: str) -> ApiError | DatabaseError:
    if isinstance(error, PoolTimeout | TooManyRequests):
        return _no_connection(name)
    state = error.sqlstate
    if state in BUSY_STATES:
        return _busy(error, name)
    if state in OURS:
        return OURS[state]()
    if _is_lost_connection(error):
        return Unavailable(f"the connection to database {name} failed; {REPEAT}")
    if (state or "").startswith(_SPENT_CLASSES):
        return Unavailable(f"database {name} is out of resources ({state}); {REPEAT}")
    return DatabaseError(error)


def _no_connection(name: str) -> ServiceBusy:
    return ServiceBusy(
        f"database {name} gave no connection in {POOL_TIMEOUT_SECONDS:g} s; "
        "repeat the request later"
    )


def _busy(error: psycopg.Error, name: str) -> ServiceBusy:
    busy = ServiceBusy(f"database {name} gave up waiting ({error.sqlstate}); {REPEAT}")
    busy.context = error.diag.context or ""
    return busy


def _is_lost_connection(error: psycopg.Error) -> bool:
    if error.sqlstate is None:
        return isinstance(error, psycopg.OperationalError)
    return error.sqlstate.startswith(_CONNECTION_CLASSES)
