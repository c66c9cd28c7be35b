"""PostgreSQL connections on which every wait has a time limit, measured by the client.

`statement_timeout` and `connect_timeout` work only while the server still answers. Against a server
that hangs, the client needs a timer of its own.
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
# The server checks every second whether the client is still connected. It then cancels a statement
# that the client gave up.
LEFT_CHECK_MS = 1_000
# Our queries qualify every name with its schema. A search path that was set for the role could
# replace a built-in function.
SEARCH_PATH = "pg_catalog"
ALWAYS_SET = {"client_connection_check_interval": LEFT_CHECK_MS, "search_path": SEARCH_PATH}
RV = TypeVar("RV")
Options = dict[str, Any]


class BoundConnection(psycopg.Connection[Any]):
    """A connection that closes when a wait takes too long, without a message to the server."""

    # Called at the beginning of each wait. The function returns the watch of the whole call, or a
    # new watch for each wait.
    watch: Callable[[], Watch]

    def wait(
        self,
        gen: Any,
        interval: float = INTERVAL_SECONDS,
        timeout: float | None = None,
    ) -> Any:
        """Wait as psycopg does, and check the watch at each wake-up."""
        watch = self.watch()
        watched = _watched(gen, watch)
        try:
            return waiting.wait(watched, self.pgconn.socket, interval=interval, timeout=timeout)
        except BaseException as error:
            # A psycopg error is an answer of the server, unless the watch gave up. Otherwise close
            # at once: a rollback or a cancel would wait for the server that hangs.
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
    """Connect within the time limit of the watch, which also applies to the first waits.

    `settings` are settings of the session. The search path and the server's check for lost clients
    are always set, whatever the defaults of the role and the database are.
    """
    words = _session_options(settings or {})

    def act() -> BoundConnection:
        # libpq's own timeout only ends the thread after the watch gave up.
        seconds = math.ceil(watch.left) + 1
        limits: Options = {"connect_timeout": seconds, "options": words}
        return BoundConnection.connect(resolved(dsn), **limits, **options)

    connection = within(watch, act, _close)
    connection.watch = lambda: watch
    return connection


def _session_options(settings: Mapping[str, object]) -> str:
    return " ".join(f"-c {name}={value}" for name, value in {**ALWAYS_SET, **settings}.items())


def open_session(
    dsn: str,
    where: str,
    *,
    seconds: float = LONG_SECONDS,
    hook: Hook | None = None,
    **options: Any,
) -> BoundConnection:
    """Open a connection. Each wait on it raises `Unreachable` after `seconds`."""

    def late(after: float) -> Exception:
        message = f"{where} did not answer within {after:g} s"
        return Unreachable(message, next_command="rubyops doctor")

    connection = connect(dsn, Watch(CONNECT_SECONDS, late), **options)
    connection.watch = lambda: Watch(seconds, late, hook)
    return connection


def resolved(dsn: str) -> str:
    """Return the DSN with the IP addresses of its host, so that libpq looks no name up.

    libpq holds Python's interpreter lock during a lookup. A DNS server that does not answer would
    stop every thread, including the timer of the call.
    """
    known = conninfo_to_dict(dsn)
    host = str(known.get("host") or "")
    if known.get("hostaddr") or not _is_name(host):
        return dsn
    addresses = _addresses(host, known.get("port") or 5432)
    hosts = ",".join([host] * len(addresses))
    return make_conninfo(dsn, host=hosts, hostaddr=",".join(addresses))


def first_line(error: psycopg.Error) -> str:
    """Return the first line of an error's message."""
    return (str(error).strip().splitlines() or ["no reason given"])[0]


def dict_rows() -> Options:
    """Return the connection options for autocommit and for rows as dicts."""
    return {"autocommit": True, "row_factory": dict_row, "prepare_threshold": None}


def _watched(gen: Generator[Any, Any, RV], watch: Watch) -> Generator[Any, Any, RV]:
    """Run a psycopg generator, and check the watch after each of its steps.

    An answer that has already arrived is returned, even after the time limit.
    """
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


def _addresses(host: str, port: str | int) -> list[str]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise psycopg.OperationalError(f"the host {host!r} is not known: {error}") from error
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def _is_name(host: str) -> bool:
    """Whether a host is a DNS name, and no socket folder, no list and no IP address."""
    return bool(host) and not host.startswith("/") and "," not in host and not _is_ip(host)


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
