"""One connection of one role to one database, made on first use and again after it broke, with every driver error in our words."""

import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg.rows import dict_row

import sql
from rubyops.errors import LockLost, Refused, RubyopsError, TimedOut, Unreachable, WriteAttempted
from rubyops.ports import Row

CONNECT_SECONDS = 5
STATEMENT_TIMEOUT_MS = 60_000
# A reader waits only for an exclusive lock; who holds it is found and named in that time.
READ_LOCK_TIMEOUT_MS = 500
OVERTAKEN = "RB001"
# RB002: money is not frozen as it has to be. RB003: the facts are not as they have to be.
# RB004: the freeze belongs to somebody else.
GUARDED = (OVERTAKEN, "RB002", "RB003", "RB004")
_NO_SCHEMA = (
    psycopg.errors.UndefinedTable,
    psycopg.errors.InvalidSchemaName,
    psycopg.errors.UndefinedFunction,
    psycopg.errors.InvalidCatalogName,
)
_READ_ONLY = (psycopg.errors.ReadOnlySqlTransaction, psycopg.errors.InsufficientPrivilege)
_BUSY = (psycopg.errors.LockNotAvailable, psycopg.errors.QueryCanceled)


class Busy(TimedOut):
    """The database did not give a lock, or an answer, in time."""


class Link:
    """Runs named queries. Threads may share it: one statement at a time."""

    def __init__(self, dsn: Callable[[], str], where: str, *, read_only: bool = False) -> None:
        """Remember where to connect; `where` names the database in messages. Nothing is connected yet."""
        self._dsn = dsn
        self._where = where
        self._read_only = read_only
        self._connection: psycopg.Connection[dict[str, Any]] | None = None
        self._lock = threading.RLock()
        self.transactions = 0
        self.writes = 0

    def rows(self, name: str, /, **values: object) -> list[Row]:
        """Run a named query in a transaction of its own and return its rows. A broken connection is replaced once."""
        with self._lock, self.translating(name):
            connection = self.connection()
            try:
                return self._run(connection, name, values)
            except psycopg.OperationalError:
                if not connection.closed:
                    raise
            # Every statement of ours may be sent twice: reads, and writes that are keyed by effect, run or token.
            return self._run(self.connection(), name, values)

    def one(self, name: str, /, **values: object) -> Row:
        """Run a named query that always returns exactly one row."""
        rows = self.rows(name, **values)
        if len(rows) != 1:
            raise RubyopsError(f"query {name} on {self._where} returned {len(rows)} rows where exactly one was expected")
        return rows[0]

    @contextmanager
    def translating(self, name: str) -> Iterator[None]:
        """Turn driver errors into ours."""
        try:
            yield
        except psycopg.Error as error:
            raise self._translated(name, error) from error

    def connection(self) -> psycopg.Connection[dict[str, Any]]:
        """Return the open connection, making it if need be."""
        if self._connection is None or self._connection.closed:
            options = f"-c statement_timeout={STATEMENT_TIMEOUT_MS} -c application_name=rubyops"
            if self._read_only:
                options += f" -c lock_timeout={READ_LOCK_TIMEOUT_MS}"
            self._connection = psycopg.connect(
                self._dsn(), autocommit=True, row_factory=dict_row, connect_timeout=CONNECT_SECONDS, options=options, prepare_threshold=None
            )
            self._connection.read_only = self._read_only or None
            weakref.finalize(self, self._connection.close)  # whoever drops the link need not know that it was connected
        return self._connection

    def close(self) -> None:
        """Drop the connection."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _run(self, connection: psycopg.Connection[dict[str, Any]], name: str, values: dict[str, object]) -> list[Row]:
        with connection.transaction(), connection.cursor() as cursor:
            cursor.execute(sql.query(name), values)
            rows = cursor.fetchall() if cursor.description else []
            if self._read_only:
                self._look_for_writes(cursor)
        return rows

    def _look_for_writes(self, cursor: psycopg.Cursor[dict[str, Any]]) -> None:
        self.transactions += 1
        cursor.execute(sql.query("ops_transaction_wrote"), {})
        answer = cursor.fetchone()
        self.writes += 1 if answer is None or answer["wrote"] else 0

    def _translated(self, name: str, error: psycopg.Error) -> RubyopsError:
        first = (str(error).strip().splitlines() or ["no reason given"])[0]
        if error.sqlstate in GUARDED:
            return _refused(error.sqlstate, first)
        if isinstance(error, _NO_SCHEMA):
            return Unreachable(f"{self._where} has no schema for {name} yet: {first}", next_command="rubyops up")
        if self._read_only and isinstance(error, _READ_ONLY):
            return WriteAttempted(f"the reader tried to write with {name}, and {self._where} refused it: {first}")
        if isinstance(error, _BUSY):
            return Busy(f"{self._where} did not answer {name} in time: {first}")
        if isinstance(error, psycopg.OperationalError):
            return Unreachable(f"{self._where} cannot be reached: {first}", next_command="rubyops up")
        return RubyopsError(f"{self._where} refused {name}: {first}")


def _refused(sqlstate: str, reason: str) -> Refused:
    if sqlstate == OVERTAKEN:
        return LockLost(f"another run has taken over: {reason}", next_command="rubyops lock show")
    return Refused(reason)
