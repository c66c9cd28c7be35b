"""A process's link to the database `control`: reads the freeze, writes heartbeats (SPEC 1.6)."""

import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import psycopg
import structlog
from psycopg.rows import DictRow, dict_row

from wallet_runtime.contract.freeze import SEALED, CopySeen
from wallet_runtime.plumbing.runtime.database import (
    CONNECT_TIMEOUT_SECONDS,
    KEEPALIVES,
    DatabaseSession,
    Row,
    prepare_connection,
    translated,
)
from wallet_runtime.plumbing.runtime.settings import Settings

POLL_SECONDS = 0.25
FIRST_POLL_SECONDS = 0.02
HEARTBEAT_SECONDS = 1.0
SILENCE_SECONDS_MAX = 5.0
TCP_USER_TIMEOUT_MILLISECONDS = 2000

log = structlog.get_logger("control")


@dataclass(frozen=True)
class Freeze:
    """The freeze level that this process last read, and its epoch; -1 before the first read."""

    level: str
    epoch: int


@dataclass(frozen=True)
class Report:
    """A process's report for its heartbeat: readiness, and the details of its checks."""

    ready: bool
    detail: dict[str, Any]


def _nothing_to_report() -> Report:
    return Report(False, {})


def _copy_seen(row: Row) -> CopySeen:
    name = f"{row['process']} copy {row['copy']}"
    return CopySeen(name, row["heartbeat_age_ms"], row["acknowledged_epoch"])


def _goodbye() -> Report:
    """Report an orderly end; without it, the recent heartbeat would look like a live process."""
    return Report(False, {"ended": True})


class ControlLink:
    """Reads the freeze level every 250 ms and writes a heartbeat every second.

    After a change of the level it writes at once. Before the first read the level is `sealed`, the
    safe default. While `control` does not answer, the last known level stays. After five seconds
    without an answer the process is not ready.
    """

    def __init__(self, settings: Settings) -> None:
        """Remember the settings; the link connects after `start`."""
        self._settings = settings
        self._freeze = Freeze(SEALED, -1)
        self._answered_at = float("-inf")
        self._written_at = float("-inf")
        self._report: Callable[[], Report] = _nothing_to_report
        self._connection: psycopg.Connection[DictRow] | None = None
        self._watching = False
        self._copies: tuple[CopySeen, ...] = ()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="control-link", daemon=True)

    @property
    def freeze(self) -> Freeze:
        """The freeze level and epoch that this process obeys."""
        return self._freeze

    @property
    def copies(self) -> tuple[CopySeen, ...]:
        """The last read state of all registered processes; empty before `watch_copies`."""
        return self._copies

    def watch_copies(self) -> None:
        """Also read the state of all registered processes with every heartbeat."""
        self._watching = True

    def silence_seconds(self) -> float:
        """Return the time since `control` last answered; infinite before the first answer."""
        return time.monotonic() - self._answered_at

    def check(self) -> str:
        """Return "ok", or the reason why the link fails the readiness check."""
        silence = self.silence_seconds()
        if silence <= SILENCE_SECONDS_MAX:
            return "ok"
        return (
            "control was never read"
            if silence == float("inf")
            else f"control has not answered for {silence:.0f} s"
        )

    def start(self, report: Callable[[], Report]) -> None:
        """Start the link's thread; it calls `report` for each heartbeat, which must not block."""
        self._report = report
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread, which writes a last heartbeat that reports the end of the process."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join(1.0)

    def _run(self) -> None:
        while not self._is_stopped():
            self._take_turn()
        self._report = _goodbye
        self._written_at = float("-inf")
        self._take_turn()
        self._disconnect()

    def _is_stopped(self) -> bool:
        began = self._written_at > float("-inf")
        return self._stopping.wait(POLL_SECONDS if began else FIRST_POLL_SECONDS)

    def _take_turn(self) -> None:
        """Read the freeze and write a due heartbeat; reconnect in the next turn after a failure."""
        try:
            with translated("control"):
                self._exchange(DatabaseSession(self._connect(), "control"))
        except Exception as error:
            if self.silence_seconds() < SILENCE_SECONDS_MAX:
                log.warning("control did not answer", error=type(error).__name__)
            self._disconnect()

    def _exchange(self, session: DatabaseSession) -> None:
        row = session.one("control_read_freeze")
        seen = Freeze(row["level"], row["epoch"])
        changed = self._acknowledge(seen)
        if changed or self._answered_at - self._written_at >= HEARTBEAT_SECONDS:
            self._write(session, seen)
            self._written_at = self._answered_at
            self._read_copies(session)

    def _acknowledge(self, seen: Freeze) -> bool:
        """Obey the level that was just read; return True if it has changed."""
        changed = seen != self._freeze
        self._freeze = seen
        self._answered_at = time.monotonic()
        if changed:
            log.info("freeze level acknowledged", level=seen.level, epoch=seen.epoch)
        return changed

    def _read_copies(self, session: DatabaseSession) -> None:
        if self._watching:
            self._copies = tuple(map(_copy_seen, session.all("control_read_copies")))

    def _write(self, session: DatabaseSession, seen: Freeze) -> None:
        report, settings = self._report(), self._settings
        session.run(
            "control_write_heartbeat",
            process=settings.process,
            copy=settings.copy,
            url=settings.advertised_url,
            version=settings.version,
            pid=os.getpid(),
            acknowledged_epoch=seen.epoch,
            ready=report.ready,
            detail=report.detail,
        )

    def _connect(self) -> psycopg.Connection[DictRow]:
        if self._connection is None:
            self._connection = psycopg.Connection[DictRow].connect(
                self._settings.control_database_url.reveal().decode(),
                autocommit=True,
                row_factory=dict_row,
                application_name=f"{self._settings.process}-{self._settings.copy}-control",
                connect_timeout=CONNECT_TIMEOUT_SECONDS,
                tcp_user_timeout=TCP_USER_TIMEOUT_MILLISECONDS,
                keepalives_idle=KEEPALIVES["keepalives_idle"],
                keepalives_interval=KEEPALIVES["keepalives_interval"],
                keepalives_count=KEEPALIVES["keepalives_count"],
            )
            prepare_connection(self._connection, self._settings.prepare_threshold)
        return self._connection

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(psycopg.Error):
                connection.close()
