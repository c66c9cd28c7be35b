"""Retention: deletes old rows and stream entries in small batches.

A stream entry is deleted only after its consumer groups have acknowledged it (SPEC 1.3).
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields

from prometheus_client import Counter

from sql import query
from wallet_runtime.plumbing.events.streams import Streams
from wallet_runtime.plumbing.runtime import seal
from wallet_runtime.plumbing.runtime.database import Database
from wallet_runtime.plumbing.runtime.loop import Loop
from wallet_runtime.plumbing.runtime.settings import SettingsError

BATCH_ROWS_MAX = 1000
INTERVAL_SECONDS = 30.0
STALLED_SECONDS = 300.0
HOURS_MAX = 24 * 366 * 10
HOURS_DIGITS_MAX = 10
# The first of each pair must be kept longer than the second. A consumer looks up each stream entry
# in the outbox, and the claim in the inbox prevents that an event is applied twice.
OUTLIVES = (("inbox", "stream"), ("inbox", "outbox"), ("outbox", "stream"))
_HOUR_MS = 3_600_000
REMOVED = Counter(
    "retention_removed_total", "Rows and stream entries that were kept long enough.", ["what"]
)


@dataclass(frozen=True, slots=True)
class RetentionHours:
    """The number of hours for which rows and entries are kept, by kind.

    A claim in the inbox is kept longer than its event in outbox or stream, so that no event is
    applied twice.
    """

    outbox: int = 168
    inbox: int = 336
    stream: int = 72
    idempotency: int = 2160


@dataclass(frozen=True, slots=True)
class ExpiringRows:
    """A table's expired rows: the statement that deletes a batch, and the hours they are kept.

    The statement takes `hours` and `limit`, and returns the number of deleted rows as `gone`.
    """

    statement: str
    hours: int


@dataclass(frozen=True, slots=True)
class ExpiringEntries:
    """A stream's entries, and the hours they are kept.

    An entry is deleted only after each of `groups` has acknowledged it.
    """

    stream: str
    groups: tuple[str, ...]
    hours: int


def consumer_rows(consumer: str, hours: RetentionHours) -> tuple[ExpiringRows, ...]:
    """Return the expiring rows of a consumer: claims, and counts of failed tries."""
    return (
        ExpiringRows(f"{consumer}_prune_inbox", hours.inbox),
        ExpiringRows(f"{consumer}_prune_failures", hours.inbox),
    )


def read_retention_hours(environ: Mapping[str, str]) -> RetentionHours:
    """Read the variables `<KIND>_RETENTION_HOURS`: whole hours, at least 24 (stream: at least 1).

    Raises SettingsError, which lists every invalid value.
    """
    hours: dict[str, int] = {}
    faults: list[str] = []
    for kind in fields(RetentionHours):
        name, least = f"{kind.name.upper()}_RETENTION_HOURS", 1 if kind.name == "stream" else 24
        text = environ.get(name, str(kind.default))
        if _is_hours(text, least):
            hours[kind.name] = int(text)
        else:
            faults.append(
                f"{name} must be a whole number of hours from {least} to {HOURS_MAX}, "
                f"found {text[:20]!r}"
            )
    faults = faults or _outlived(hours)
    if faults:
        raise SettingsError(faults)
    return RetentionHours(**hours)


def _is_hours(text: str, least: int) -> bool:
    is_number = text.isascii() and text.isdigit() and len(text) <= HOURS_DIGITS_MAX
    return is_number and least <= int(text) <= HOURS_MAX


def _outlived(hours: Mapping[str, int]) -> list[str]:
    return [
        f"{longer.upper()}_RETENTION_HOURS ({hours[longer]}) must be more than "
        f"{shorter.upper()}_RETENTION_HOURS ({hours[shorter]})"
        for longer, shorter in OUTLIVES
        if hours[longer] <= hours[shorter]
    ]


class Retention:
    """Deletes the expired rows and entries of one process. Several copies may run it."""

    def __init__(
        self,
        database: Database,
        streams: Streams,
        rows: tuple[ExpiringRows, ...],
        entries: tuple[ExpiringEntries, ...] = (),
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Store the dependencies. Raises for an unknown statement, which stops the start."""
        for kind in rows:
            query(kind.statement)
        self._database, self._streams = database, streams
        self._rows, self._entries, self._clock = rows, entries, clock

    def turn(self) -> int:
        """Delete one batch of expired rows or entries of each kind; return how many were deleted.

        Raises `Maintenance` while money is sealed.
        """
        rows = sum(self._remove_rows(kind) for kind in self._rows)
        return rows + sum(self._trim(kind) for kind in self._entries)

    def loop(self) -> Loop:
        """Make the loop `retention`."""
        return Loop("retention", self.turn, INTERVAL_SECONDS, STALLED_SECONDS)

    def _remove_rows(self, kind: ExpiringRows) -> int:
        with self._database.transaction() as session:
            seal.hold(session)
            row = session.one(kind.statement, hours=kind.hours, limit=BATCH_ROWS_MAX)
        return _counted(kind.statement, row["gone"])

    def _trim(self, kind: ExpiringEntries) -> int:
        before_ms = int(self._clock() * 1000) - kind.hours * _HOUR_MS
        return _counted(kind.stream, self._streams.trim(kind.stream, kind.groups, before_ms))


def _counted(what: str, gone: int) -> int:
    REMOVED.labels(what).inc(gone)
    return gone
