"""Connections to PostgreSQL whose every wait has a bound of ours.

`statement_timeout` and `connect_timeout` need a server, or a peer, that still works.
A stopped server keeps neither: the client has to look at its own clock.
"""

import ipaddress
import math
import socket
from collections.abc import Callable, Generator, Mapping
from typing import Any, TypeVar

import psycopg
from psycopg import waiting
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import dict_row

from rubyops.adapters.bounded import Hook, Watch, within
from rubyops.errors import Unreachable

CONNECT_SECONDS = 5.0
LONG_SECONDS = 60.0
INTERVAL_SECONDS = 0.1
# A server notices within a second that we have left, so nothing that we gave up is done later.
LEFT_CHECK_MS = 1_000
# Queries name the schema of each thing. A path that a role was given could put something else in
# the place of a built-in function.
SEARCH_PATH = "pg_catalog"
RV = TypeVar("RV")
Options = dict[str, Any]


class BoundConnection(psycopg.Connection[Any]):
    """A connection that is closed, without a word to the server, when a wait takes too long."""

    # Asked at the beginning of each wait: one watch for a whole call, or a new one for each wait.
    watch: Callable[[], Watch]

    def wait(
        self,
        gen: Any,
        interval: float = INTERVAL_SECONDS,
        timeout: float | None = None,
    ) -> Any:
        """Wait as the driver does, and look at the watch at each wake-up."""
        watch = self.watch()
        watched = _watched(gen, watch)
        try:
            return waiting.wait(watched, self.pgconn.socket, interval=interval, timeout=timeout)
        except BaseException as error:
            # An error of the driver is an answer, unless it is the hook's, of another connection.
            # No rollback and no cancel: both would wait for the very server that does not answer.
            if watch.gave_up or not isinstance(error, psycopg.Error):
                self.pgconn.finish()
            raise


def connect(
    dsn: str,
    watch: Watch,
    *,
    settings: Mapping[str, object] | None = None,
    **options: Any,
) -> BoundConnection:
    """Connect within the watch, which also bounds the first waits of the connection.

    `settings` are those of the session. The search path and that the server looks whether we have
    left are always among them, whatever the role or the database was given.
    """
    ours = {"client_connection_check_interval": LEFT_CHECK_MS, "search_path": SEARCH_PATH}
    all_settings = {**ours, **(settings or {})}
    words = " ".join(f"-c {name}={value}" for name, value in all_settings.items())

    def act() -> BoundConnection:
        # The driver's own limit only ends the thread that was left behind.
        seconds = math.ceil(watch.left) + 1
        limits: Options = {"connect_timeout": seconds, "options": words}
        return BoundConnection.connect(resolved(dsn), **limits, **options)

    connection = within(watch, act, _close)
    connection.watch = lambda: watch
    return connection


def open_session(
    dsn: str,
    where: str,
    *,
    seconds: float = LONG_SECONDS,
    hook: Hook | None = None,
    **options: Any,
) -> BoundConnection:
    """Connect for statements that are not named queries: each wait of them has the same bound."""

    def late(after: float) -> Exception:
        message = f"{where} did not answer within {after:g} s"
        return Unreachable(message, next_command="rubyops doctor")

    connection = connect(dsn, Watch(CONNECT_SECONDS, late), **options)
    connection.watch = lambda: Watch(seconds, late, hook)
    return connection


def resolved(dsn: str) -> str:
    """Add the addresses of the host: libpq looks names up with the interpreter's lock held.

    A name server that does not answer would stop every thread, the clock of the call included.
    """
    known = conninfo_to_dict(dsn)
    host, port = str(known.get("host") or ""), known.get("port") or 5432
    if not host or known.get("hostaddr") or host.startswith("/") or "," in host or _is_ip(host):
        return dsn
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise psycopg.OperationalError(f"the host {host!r} is not known: {error}") from error
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    hosts = ",".join([host] * len(addresses))
    return make_conninfo(dsn, host=hosts, hostaddr=",".join(addresses))


def dict_rows() -> Options:
    """Return the options of connections that run one statement at a time and give dicts."""
    return {"autocommit": True, "row_factory": dict_row, "prepare_threshold": None}


def _watched(gen: Generator[Any, Any, RV], watch: Watch) -> Generator[Any, Any, RV]:
    """Pass a generator of the driver on. An answer that is there already counts, however late."""
    try:
        wanted = next(gen)
        while True:
            ready = yield wanted
            wanted = gen.send(ready)
            watch.look()
    except StopIteration as end:
        value: RV = end.value
        return value


def _close(connection: BoundConnection | None) -> None:
    if connection is not None:
        connection.close()


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
