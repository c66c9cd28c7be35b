"""Retention: what a process need not keep any longer goes in small batches; a trim never outruns a consumer (SPEC 1.3)."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields

from prometheus_client import Counter

from sql import query
from wallet_runtime.plumbing.events.streams import Streams
from wallet_runtime.plumbing.runtime import seal
from wallet_runtime.plumbing.runtime.database import Database
from wallet_runtime.plumbing.runtime.settings import SettingsError

BATCH_ROWS_MAX = 1000
INTERVAL_SECONDS = 30.0
STALLED_SECONDS = 300.0
HOURS_MAX = 24 * 366 * 10
# An entry that is read again is looked for in the outbox, and what stands there has its claim.
OUTLIVES = (("inbox", "stream"), ("inbox", "outbox"), ("outbox", "stream"))
_HOUR_MS = 3_600_000
REMOVED = Counter(
    "retention_removed_total", "Rows and stream entries that were kept long enough.", ["what"]
)


@dataclass(frozen=True, slots=True)
class Keep:
    """For how many hours each kind is kept. An inbox outlives streams and outbox: each event there has its claim."""

    outbox: int = 168
    inbox: int = 336
    stream: int = 72
    idempotency: int = 2160


@dataclass(frozen=True, slots=True)
class Rows:
    """A table's rows: the statement that removes a batch of them (hours, limit -> gone), and the hours they are kept."""

    statement: str
    hours: int


@dataclass(frozen=True, slots=True)
class Entries:
    """A stream's entries, the groups that must have got through with one before it goes, and the hours they are kept."""

    stream: str
    groups: tuple[str, ...]
    hours: int


def read_keep(environ: Mapping[str, str]) -> Keep:
    """Read `<KIND>_RETENTION_HOURS`; whole hours from 24 (a stream: 1). Every fault at once, as SettingsError."""
    faults: list[str] = []
    hours: dict[str, int] = {}
    for field in fields(Keep):
        name, least = f"{field.name.upper()}_RETENTION_HOURS", 1 if field.name == "stream" else 24
        text = environ.get(name, str(field.default))
        if (
            text.isascii()
            and text.isdigit()
            and len(text) <= 10
            and least <= int(text) <= HOURS_MAX
        ):
            hours[field.name] = int(text)
        else:
            faults.append(
                f"{name} must be a whole number of hours from {least} to {HOURS_MAX}, found {text[:20]!r}"
            )
    for longer, shorter in OUTLIVES if not faults else ():
        if hours[longer] <= hours[shorter]:
            found = f"{longer.upper()}_RETENTION_HOURS ({hours[longer]})"
            faults.append(
                f"{found} must be more than {shorter.upper()}_RETENTION_HOURS ({hours[shorter]})"
            )
    if faults:
        raise SettingsError(faults)
    return Keep(**hours)


class Retention:
    """A process's turn at its own tables and streams; any number of copies may run it."""

    def __init__(
        self,
        database: Database,
        streams: Streams,
        rows: tuple[Rows, ...],
        entries: tuple[Entries, ...],
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Take what a turn needs; a statement that does not exist stops the start."""
        for kind in rows:
            query(kind.statement)
        self._database, self._streams, self._rows, self._entries, self._clock = (
            database,
            streams,
            rows,
            entries,
            clock,
        )

    def turn(self) -> int:
        """Remove one batch of everything that is past its time; return how much went. Raises `Maintenance` under a seal."""
        gone = 0
        for kind in self._rows:
            with self._database.transaction() as session:
                seal.hold(session)
                removed = session.one(kind.statement, hours=kind.hours, limit=BATCH_ROWS_MAX)[
                    "gone"
                ]
            gone += self._count(kind.statement, removed)
        for stream in self._entries:
            before_ms = int(self._clock() * 1000) - stream.hours * _HOUR_MS
            gone += self._count(
                stream.stream, self._streams.trim(stream.stream, stream.groups, before_ms)
            )
        return gone

    @staticmethod
    def _count(what: str, gone: int) -> int:
        REMOVED.labels(what).inc(gone)
        return gone
