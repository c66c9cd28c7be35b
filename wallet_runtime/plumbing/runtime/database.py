"""PostgreSQL by query name: a small pool, rows as dicts, driver errors translated here alone."""

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
# A wait for an answer sends nothing, so only these notice that the server's machine is gone: after
# 11 s.
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
)  # the last: idle in a transaction for longer than was allowed
_SPENT_CLASSES = ("53", "58")  # no room, no memory, files that cannot be read or written


class DatabaseError(Exception):
    """The database refused a statement; a store turns its own `sqlstate` into its own error."""

    def __init__(self, error: psycopg.Error) -> None:
        """Keep the server's own words: `sqlstate`, `message`, `detail` and `context`."""
        self.sqlstate = error.sqlstate or ""
        self.message = error.diag.message_primary or str(error)
        self.detail = error.diag.message_detail or ""
        self.context = error.diag.context or ""
        super().__init__(f"{self.sqlstate} {self.message}")


class DatabaseSession:
    """One borrowed connection.

    Values are named as in the statement. A dict is sent as jsonb; wrap a list in `json` for that.
    """

    def __init__(self, connection: psycopg.Connection[DictRow], name: str) -> None:
        """Wrap a connection that the caller has borrowed and prepared; errors say `name`."""
        self._connection = connection
        self._name = name

    def one(self, query_name: str, /, **values: object) -> Row:
        """Run a statement that returns exactly one row; anything else is a programming error."""
        rows = self.all(query_name, **values)
        if len(rows) != 1:
            raise AssertionError(
                f"query {query_name} returned {len(rows)} rows where exactly one was promised"
            )
        return rows[0]

    def maybe(self, query_name: str, /, **values: object) -> Row | None:
        """Run a statement that returns at most one row."""
        rows = self.all(query_name, **values)
        if len(rows) > 1:
            raise AssertionError(
                f"query {query_name} returned {len(rows)} rows where at most one was promised"
            )
        return rows[0] if rows else None

    def all(self, query_name: str, /, **values: object) -> list[Row]:
        """Run a statement and return every row."""
        return self._execute(query_name, values).fetchall()

    def run(self, query_name: str, /, **values: object) -> int:
        """Run a statement for its effect and return the number of rows it touched."""
        return self._execute(query_name, values).rowcount

    def _execute(self, query_name: str, values: dict[str, object]) -> psycopg.Cursor[DictRow]:
        # The text comes from sql/queries only, so it is a literal of this repository. Errors are
        # translated here, so that a store can read them while it still holds the session.
        try:
            return self._connection.execute(query(query_name).encode(), values)
        except psycopg.Error as error:
            raise _translate(error, self._name) from error


class Database:
    """A pool of autocommit connections to one database as one role."""

    def __init__(
        self,
        url: str,
        name: str,
        *,
        pool_min: int = 1,
        pool_max: int = 8,
        prepare_threshold: int | None = 0,
    ) -> None:
        """Prepare the pool; nothing connects before `open`. `name` shows in pg_stat_activity."""
        self.name = name
        self.pool_max = pool_max
        self._prepare_threshold = prepare_threshold
        # How many connections were made. A cache compares it: the server may be another one by now.
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
            # No max_waiting: clients that gave up count as waiting until a connection comes, and a
            # pool that has lost its last one and counts that many does not connect any more.
            # Threads bound how many wait.
            num_workers=1,
            # The next client after a give-up lets the pool connect at once, so a server that is
            # back is found soon.
            reconnect_timeout=POOL_TIMEOUT_SECONDS,
            configure=self._configure,
            check=refuse_dead,
            open=False,
            name=name,
        )

    def open(self) -> "Database":
        """Start connecting in the background.

        An absent server shows as `Unavailable` in calls, and red in readiness.
        """
        self._pool.open(wait=False)
        return self

    def close(self) -> None:
        """Close every connection, waiting at most two seconds for the pool's own thread."""
        self._pool.close(timeout=2.0)

    def session(self) -> AbstractContextManager[DatabaseSession]:
        """Borrow a connection for a `with` block: every statement is its own transaction."""
        return _Borrowed(self._pool, self.name)

    @contextmanager
    def transaction(self) -> Iterator[DatabaseSession]:
        """Borrow a connection inside one transaction.

        It is committed at the end of the block, and rolled back on any error.
        """
        with translated(self.name), self._pool.connection() as connection, connection.transaction():
            yield DatabaseSession(connection, self.name)

    def _configure(self, connection: psycopg.Connection[DictRow]) -> None:
        self.generation += 1
        prepare_connection(connection, self._prepare_threshold)


class _Borrowed:
    # Hand-written instead of `pool.connection()`: the generator and its no-op COMMIT took 10% of a
    # bet's Python time (ADR 11).

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
    """Wrap a list or a scalar so that it is sent as jsonb."""
    return Jsonb(value)


class _DictDumper(Dumper):
    oid = psycopg.adapters.types["jsonb"].oid

    def dump(self, obj: object) -> bytes:
        return msgspec.json.encode(obj)


def prepare_connection(
    connection: psycopg.Connection[DictRow], prepare_threshold: int | None
) -> None:
    """Say when a new connection prepares statements, and let dicts go through msgspec as jsonb."""
    connection.prepare_threshold = prepare_threshold
    connection.adapters.register_dumper(dict, _DictDumper)
    set_json_dumps(msgspec.json.encode, connection)
    set_json_loads(msgspec.json.decode, connection)


def refuse_dead(connection: psycopg.Connection[DictRow]) -> None:
    """Refuse an idle connection that the server has closed, without a round trip.

    Nothing may be waiting on its socket.
    """
    watch = select.poll()
    watch.register(connection.fileno(), select.POLLIN | select.POLLHUP | select.POLLERR)
    if watch.poll(0):
        # Closed on this side too, or the pool would take it back as a good one.
        connection.close()
        raise psycopg.OperationalError("the server closed this idle connection")


@contextmanager
def translated(name: str) -> Iterator[None]:
    """Turn the driver's errors into `ServiceBusy`, `Unavailable`, or a store's `DatabaseError`."""
    try:
        yield
    except psycopg.Error as error:
        raise _translate(error, name) from error


def _translate(error: psycopg.Error, name: str) -> ApiError | DatabaseError:
    if isinstance(error, PoolTimeout | TooManyRequests):
        return ServiceBusy(
            f"database {name} gave no connection in {POOL_TIMEOUT_SECONDS:g} s; "
            "repeat the request later"
        )
    state = error.sqlstate
    if state in BUSY_STATES:
        busy = ServiceBusy(f"database {name} gave up waiting ({state}); {REPEAT}")
        busy.context = error.diag.context or ""
        return busy
    if state in OURS:
        return OURS[state]()
    if (state is None and isinstance(error, psycopg.OperationalError)) or (state or "").startswith(
        _CONNECTION_CLASSES
    ):
        return Unavailable(f"the connection to database {name} failed; {REPEAT}")
    if (state or "").startswith(_SPENT_CLASSES):
        return Unavailable(f"database {name} is out of resources ({state}); {REPEAT}")
    return DatabaseError(error)
