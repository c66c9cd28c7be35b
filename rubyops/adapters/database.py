"""One connection of one role to one database, opened on first use and reopened when it breaks.

Every call has a time limit that the client measures. Every psycopg error becomes a `RubyopsError`.
"""

import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg

import sql
from rubyops.adapters.bounded import DOUBT_SECONDS, POLL_SECONDS, Hook, Patience, Watch
from rubyops.adapters.connections import (
    CONNECT_SECONDS,
    LONG_SECONDS,
    BoundConnection,
    connect,
    dict_rows,
    first_line,
)
from rubyops.adapters.long_statements import LONG_STATEMENTS
from rubyops.errors import (
    NotThere,
    Overruled,
    Refused,
    RubyopsError,
    TimedOut,
    Unreachable,
    WriteAttempted,
    overtaken,
)
from rubyops.ports import Row
from wallet_runtime.contract import sqlstates

CALL_SECONDS = 10.0
STATEMENT_TIMEOUT_MS = 60_000
# A reader waits only for an exclusive lock, and fails after this time instead of waiting on.
READ_LOCK_TIMEOUT_MS = 500
SETTINGS = {"statement_timeout": STATEMENT_TIMEOUT_MS, "application_name": "rubyops"}
READ_SETTINGS = {**SETTINGS, "lock_timeout": READ_LOCK_TIMEOUT_MS}
GUARDED = (
    sqlstates.FENCE_OVERTAKEN,
    sqlstates.NOT_FROZEN,
    sqlstates.FACTS_DIFFER,
    sqlstates.FREEZE_OF_ANOTHER,
    sqlstates.OVERRULED,
)
_NO_SCHEMA = (
    psycopg.errors.UndefinedTable,
    psycopg.errors.InvalidSchemaName,
    psycopg.errors.UndefinedFunction,
    psycopg.errors.InvalidCatalogName,
)
_READ_ONLY = (psycopg.errors.ReadOnlySqlTransaction, psycopg.errors.InsufficientPrivilege)
_BUSY = (psycopg.errors.LockNotAvailable, psycopg.errors.QueryCanceled)


class DatabaseBusy(TimedOut):
    """A statement ended at its lock timeout or at its statement timeout."""


@dataclass(frozen=True)
class Bounds:
    """The time limits of a link in seconds. The limit of a call includes connecting.

    `long` is the limit of the LONG_STATEMENTS. `doubt` is the limit of a call after a late one.
    """

    call: float = CALL_SECONDS
    connect: float = CONNECT_SECONDS
    long: float = LONG_SECONDS
    doubt: float = DOUBT_SECONDS


class Link:
    """Runs named queries on one connection. Threads may share a link, one call at a time.

    A read-only link calls `while_waiting` during each wait; an error raised there ends the call. A
    writing link does not, so that a stop request never interrupts a write.
    """

    def __init__(
        self,
        dsn: Callable[[], str],
        where: str,
        *,
        read_only: bool = False,
        bounds: Bounds | None = None,
        patience: Patience | None = None,
    ) -> None:
        """Prepare a connection to `dsn`; `where` names the database in messages.

        Links to one server may share `patience`. A late call of one link then shortens the limit of
        all.
        """
        self._dsn = dsn
        self._where = where
        self._read_only = read_only
        self._bounds = bounds or Bounds()
        self._patience = patience or Patience(self._bounds.doubt)
        self._connection: BoundConnection | None = None
        self._lock = threading.RLock()
        self.while_waiting: Hook | None = None
        self.transactions = 0
        self.writes = 0

    def rows(self, name: str, /, **values: object) -> list[Row]:
        """Run a named query in its own transaction and return its rows.

        When the connection breaks, the query is sent once more on a new connection.
        """
        watch = self._watch(name, self._seconds(name))
        with self._turn(name, watch), self.translating(name):
            connection = self._opened(name, watch)
            try:
                return self._run(connection, name, values)
            except psycopg.OperationalError:
                if not connection.closed:
                    raise
            # A query may be sent twice: reads are harmless, and writes are idempotent by effect,
            # run or token.
            return self._run(self._opened(name, watch), name, values)

    def one(self, name: str, /, **values: object) -> Row:
        """Run a named query that always returns exactly one row."""
        rows = self.rows(name, **values)
        if len(rows) != 1:
            raise RubyopsError(
                f"query {name} on {self._where} returned {len(rows)} rows where exactly one was "
                "expected"
            )
        return rows[0]

    @contextmanager
    def blocks(self, name: str) -> Iterator[BoundConnection]:
        """Lend the connection for a query whose result is read in blocks.

        The time limit applies to each wait, not to the whole query.
        """
        watch = self._watch(name, self._seconds(name))
        with self._turn(name, watch), self.translating(name):
            connection = self._opened(name, watch)
            connection.watch = lambda: self._watch(name, self._seconds(name))
            yield connection

    @contextmanager
    def translating(self, name: str) -> Iterator[None]:
        """Turn psycopg errors into errors of rubyops."""
        try:
            yield
        except psycopg.Error as error:
            raise self._translated(name, error) from error

    def connection(self) -> BoundConnection:
        """Return the connection, opened if necessary; `long` limits each wait on it."""
        connection = self._opened("a connection", self._watch("a connection", self._bounds.call))
        connection.watch = lambda: self._watch("a statement", self._bounds.long)
        return connection

    def close(self) -> None:
        """Close the connection."""
        with self._turn("closing it", self._watch("closing", self._bounds.call)):
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    # --- time limits

    def _seconds(self, name: str) -> float:
        # A long statement keeps its full limit after a late call. If the server still hangs, then
        # the connect fails within the shorter limit.
        if name in LONG_STATEMENTS:
            return self._bounds.long
        return self._patience.seconds(self._bounds.call)

    def _watch(self, name: str, seconds: float) -> Watch:
        hook = self._heard if self._read_only and self.while_waiting is not None else None
        return Watch(seconds, lambda after: self._late(f"did not answer {name}", after), hook)

    def _heard(self) -> None:
        try:
            if self.while_waiting is not None:
                self.while_waiting()
        except BaseException:
            # The hook runs only in a call that waits, so the server may hang.
            self._patience.doubts = True
            raise

    def _late(self, what: str, seconds: float) -> Unreachable:
        self._patience.doubts = True
        unknown = "" if self._read_only else "; a change may or may not have been made"
        message = f"{self._where} {what} within {seconds:.3g} s{unknown}"
        return Unreachable(message, next_command="rubyops doctor")

    @contextmanager
    def _turn(self, name: str, watch: Watch) -> Iterator[None]:
        """Hold the lock of the link. Waits for another thread no longer than this call may take."""
        self._await_lock(name, watch)
        try:
            yield
        finally:
            self._lock.release()

    def _await_lock(self, name: str, watch: Watch) -> None:
        busy = f"{self._where} is held by another call of this process; {name} was not asked for"
        waiting = watch.part(watch.seconds, lambda after: Unreachable(f"{busy} in {after:.3g} s"))
        while not self._lock.acquire(timeout=min(POLL_SECONDS, watch.left)):
            waiting.look()

    def _opened(self, name: str, watch: Watch) -> BoundConnection:
        if self._connection is None or self._connection.closed:
            self._connection = self._connected(name, watch)
            # Close the connection of a link that its caller drops without `close`.
            weakref.finalize(self, self._connection.close)
        self._connection.watch = lambda: watch
        return self._connection

    def _connected(self, name: str, watch: Watch) -> BoundConnection:
        allowed = watch.part(
            self._patience.seconds(self._bounds.connect),
            lambda after: self._late(f"did not take a connection for {name}", after),
        )
        settings = READ_SETTINGS if self._read_only else SETTINGS
        connection = connect(self._dsn(), allowed, settings=settings, **dict_rows())
        connection.read_only = self._read_only or None
        return connection

    def _run(self, connection: BoundConnection, name: str, values: dict[str, object]) -> list[Row]:
        with connection.transaction(), connection.cursor() as cursor:
            cursor.execute(sql.query(name), values)
            rows = cursor.fetchall() if cursor.description else []
            if self._read_only:
                self._look_for_writes(cursor)
        self._patience.doubts = False
        return rows

    def _look_for_writes(self, cursor: psycopg.Cursor[dict[str, Any]]) -> None:
        self.transactions += 1
        cursor.execute(sql.query("ops_transaction_wrote"), {})
        answer = cursor.fetchone()
        self.writes += 1 if answer is None or answer["wrote"] else 0

    def _translated(self, name: str, error: psycopg.Error) -> RubyopsError:
        first = first_line(error)
        if error.sqlstate in GUARDED:
            return _refused(error.sqlstate, first)
        if self._read_only and isinstance(error, _READ_ONLY):
            return WriteAttempted(
                f"the reader tried to write with {name}, and {self._where} refused it: {first}"
            )
        return self._unavailable(name, error, first) or RubyopsError(
            f"{self._where} refused {name}: {first}"
        )

    def _unavailable(self, name: str, error: psycopg.Error, first: str) -> RubyopsError | None:
        """Return the error of a database that has no schema or does not answer, else None."""
        if isinstance(error, _NO_SCHEMA):
            absent = f"{self._where} has no schema for {name} yet: {first}"
            return NotThere(absent, next_command="rubyops up")
        if isinstance(error, _BUSY):
            return DatabaseBusy(f"{self._where} did not answer {name} in time: {first}")
        if isinstance(error, psycopg.OperationalError):
            down = f"{self._where} cannot be reached: {first}"
            return Unreachable(down, next_command="rubyops up")
        return None


def _refused(sqlstate: str, reason: str) -> Refused:
    if sqlstate == sqlstates.FENCE_OVERTAKEN:
        return overtaken(reason)
    if sqlstate == sqlstates.OVERRULED:
        return Overruled(reason, next_command="rubyops status")
    return Refused(reason)
