"""Finds published events that the stream lost before a consumer applied them.

The function `unapplied` in a consumer's schema returns the events that the consumer has not
applied. Such an event is lost if the consumer group can no longer read its stream entry, for
example because Redis lost data. It is published again under the same event id, so each consumer
applies it once.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from uuid import UUID

import structlog
from prometheus_client import Counter, Gauge

from wallet_runtime.plumbing.events.outbox import Outbox
from wallet_runtime.plumbing.events.streams import Streams
from wallet_runtime.plumbing.runtime.database import Database, Row
from wallet_runtime.plumbing.runtime.health import OK
from wallet_runtime.plumbing.runtime.loop import Loop

PAGE_ROWS_MAX = 500
INTERVAL_SECONDS = 2.0
REST_SECONDS_MAX = 20.0
REST_PER_WORK = 3.0  # rests 3 s per second of work: a long backlog uses at most a quarter of a core
# While events are missing the worker reports itself unhealthy. Only the next comparison can end
# this, so the rest is shorter.
REST_MISSING_SECONDS_MAX = 4.0
STALLED_SECONDS = 60.0
RESEND_PATIENCE_SECONDS = 2.0
RESENT = Counter(
    "outbox_resent_total",
    "Events that the stream had lost and that are published again.",
    ["outbox"],
)
MISSING = Gauge(
    "outbox_missing",
    "Published events that the stream has lost and that are not applied yet.",
    ["outbox"],
)

log = structlog.get_logger("delivery")


@dataclass
class _Compared:
    """The result of comparing a partition with its consumers.

    All events up to publication number `applied_no` are applied. `has_gap` says that a later event
    is not applied. `missing` are lost events that are not applied yet. `resent` are lost events
    that this comparison marked for publishing again.
    """

    applied_no: int = 0
    has_gap: bool = False
    missing: set[UUID] = field(default_factory=set)
    resent: set[UUID] = field(default_factory=set)

    def note_page(self, lacking: list[Row], page_end: int) -> None:
        """Add a page of events that ends at number `page_end`; `lacking` are those not applied."""
        if not self.has_gap:
            self.applied_no = lacking[0]["publication_no"] - 1 if lacking else page_end
        self.has_gap = self.has_gap or bool(lacking)


class Delivery:
    """Compares one outbox with the consumers of its streams. Several copies may do so.

    `consumers` maps the schema of each consumer to its consumer group.
    """

    def __init__(
        self,
        outbox: Outbox,
        consumers: Mapping[str, str],
        database: Database,
        streams: Streams,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Store the dependencies."""
        self._outbox, self._consumers = outbox, dict(consumers)
        self._database, self._streams, self._clock = database, streams, clock
        self._missing = 0
        self._rest_until = float("-inf")

    def turn(self) -> int:
        """Compare the partitions that are behind; return how many events are published again.

        Does nothing during the rest that follows a comparison.
        """
        began = self._clock()
        if began < self._rest_until:
            return 0
        with self._database.session() as session:
            behind = [row["partition_no"] for row in session.all(self._outbox.statement("behind"))]
        compared = {partition_no: self._compare_all(partition_no) for partition_no in behind}
        self._note(compared)

        took = self._clock() - began
        self._rest_until = began + took + self._rest_seconds(took)
        return sum(len(each.resent) for each in compared.values())

    def health(self) -> str:
        """Return "ok", or how many lost events are not applied yet."""
        if not self._missing:
            return OK
        return (
            f"{self._missing} published events were lost on their way to a consumer "
            "and are sent again"
        )

    def loop(self) -> Loop:
        """Make the loop `delivery`."""
        return Loop(
            "delivery",
            self.turn,
            INTERVAL_SECONDS,
            STALLED_SECONDS,
            checks={"delivery": self.health},
        )

    def _note(self, compared: Mapping[int, _Compared]) -> None:
        with self._database.session() as session:
            self._missing = session.one(
                self._outbox.statement("compared"),
                partition_nos=list(compared),
                applied_nos=[each.applied_no for each in compared.values()],
                missing=[len(each.missing) for each in compared.values()],
            )["missing"]
        MISSING.labels(self._outbox.publisher).set(self._missing)

    def _rest_seconds(self, took: float) -> float:
        return min(
            REST_MISSING_SECONDS_MAX if self._missing else REST_SECONDS_MAX, took * REST_PER_WORK
        )

    def _compare_all(self, partition_no: int) -> _Compared:
        """Compare a partition with every consumer; `applied_no` is that of the slowest consumer."""
        each = [self._compare(partition_no, consumer) for consumer in self._consumers]
        resent = set().union(*(one.resent for one in each))
        # The statement `compared` counts the resent events itself, because they are unpublished
        # again.
        missing = set().union(*(one.missing for one in each)) - resent
        return _Compared(
            min(one.applied_no for one in each),
            any(one.has_gap for one in each),
            missing,
            resent,
        )

    def _compare(self, partition_no: int, consumer: str) -> _Compared:
        """Compare the events published after the last one known to be applied, page by page."""
        compared, after = _Compared(), None
        while True:
            with self._database.session() as session:
                rows = session.all(
                    self._outbox.statement(f"unapplied_by_{consumer}"),
                    partition_no=partition_no,
                    after=after,
                    limit=PAGE_ROWS_MAX,
                )
            after = rows[0]["page_end"]
            if after is None:
                return compared
            lacking = [row for row in rows if row["event_id"] is not None]
            compared.note_page(lacking, after)
            if lacking:
                self._send_lost(partition_no, consumer, lacking, compared)
            if rows[0]["page_rows"] < PAGE_ROWS_MAX:
                return compared

    def _send_lost(
        self, partition_no: int, consumer: str, lacking: list[Row], compared: _Compared
    ) -> None:
        # The consumer was queried before the stream. It may have applied and acknowledged an event
        # in between, so `_resend` queries it again before it marks events for publishing.
        still_lacking = self._resend(consumer, self._lost(partition_no, consumer, lacking))
        resent = [event_id for event_id, is_resent in still_lacking.items() if is_resent]
        compared.resent.update(resent)
        compared.missing |= still_lacking.keys()
        compared.missing |= {row["event_id"] for row in lacking if row["resends"]}
        if resent:
            RESENT.labels(self._outbox.publisher).inc(len(resent))
            log.error(
                "the stream lost events; they are published again",
                partition=partition_no,
                consumer=consumer,
                number=len(resent),
                first=[str(event_id) for event_id in resent[:10]],
            )

    def _lost(self, partition_no: int, consumer: str, lacking: list[Row]) -> list[Row]:
        entries = {row["entry_id"]: str(row["event_id"]) for row in lacking}
        in_reach = self._streams.in_reach(
            self._outbox.stream_of(partition_no), self._consumers[consumer], entries
        )
        return [row for row in lacking if row["entry_id"] not in in_reach]

    def _resend(self, consumer: str, lost: list[Row]) -> dict[UUID, bool]:
        """Mark lost events for publishing again; return those that are still not applied.

        The value is False for an event whose last resend is too recent to repeat it now.
        """
        if not lost:
            return {}
        with self._database.session() as session:
            rows = session.all(
                self._outbox.statement(f"resend_to_{consumer}"),
                event_ids=[row["event_id"] for row in lost],
                publication_nos=[row["publication_no"] for row in lost],
                patience_seconds=RESEND_PATIENCE_SECONDS,
            )
        return {row["event_id"]: row["resent"] for row in rows}
