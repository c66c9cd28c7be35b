"""Lost events come back: outbox, stream and consumers are compared, and what the stream has lost is published again.

A consumer's owner says which events it lacks. One that it lacks and that its group can no longer read is lost: the stream
forgot it after it was marked as published. It is published again under its own id, and the consumer applies it once.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import UUID

import structlog
from prometheus_client import Counter, Gauge

from sql import query
from wallet_runtime.plumbing.events.outbox import Outbox
from wallet_runtime.plumbing.events.streams import Streams
from wallet_runtime.plumbing.runtime.database import Database, Row
from wallet_runtime.plumbing.runtime.health import OK

PAGE_ROWS_MAX = 500
INTERVAL_SECONDS = 2.0
REST_SECONDS_MAX = 20.0
REST_PER_WORK = 3.0  # a long backlog is compared at a quarter of one core at most
# While events are missing the worker is red, and only the next comparison can say that they came back.
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
_VERBS = ("behind", "unapplied", "resend", "compared")

log = structlog.get_logger("delivery")


@dataclass
class _Seen:
    """One look at a partition: up to which number everything is applied, and what is on its way again or cannot be read."""

    applied_no: int = 0
    has_gap: bool = False
    missing: int = 0
    resent: list[UUID] = field(default_factory=list)


class Delivery:
    """Compares one outbox with the groups that read its streams; any number of copies may."""

    def __init__(
        self,
        outbox: Outbox,
        groups: tuple[str, ...],
        database: Database,
        streams: Streams,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take what a turn needs; a statement that does not exist stops the start."""
        for verb in _VERBS:
            query(outbox.statement(verb))
        self._outbox, self._groups = outbox, groups
        self._database, self._streams, self._clock = database, streams, clock
        self._missing = 0
        self._rest_until = float("-inf")

    def turn(self) -> int:
        """Compare what is behind unless it is time to rest; return how many events were sent back to be published."""
        began = self._clock()
        if began < self._rest_until:
            return 0
        with self._database.session() as session:
            behind = [row["partition_no"] for row in session.all(self._outbox.statement("behind"))]
        seen = {partition_no: self._compare(partition_no) for partition_no in behind}
        with self._database.session() as session:
            self._missing = session.one(
                self._outbox.statement("compared"),
                partition_nos=behind,
                applied_nos=[each.applied_no for each in seen.values()],
                missing=[each.missing for each in seen.values()],
            )["missing"]
        MISSING.labels(self._outbox.owner).set(self._missing)
        took = self._clock() - began
        self._rest_until = began + took + self._rest_seconds(took)
        return sum(len(each.resent) for each in seen.values())

    def _rest_seconds(self, took: float) -> float:
        return min(
            REST_MISSING_SECONDS_MAX if self._missing else REST_SECONDS_MAX, took * REST_PER_WORK
        )

    def health(self) -> str:
        """Say "ok", or how many events the stream has lost; red until each of them is applied."""
        if not self._missing:
            return OK
        return f"{self._missing} published events were lost on their way to a consumer and are sent again"

    def _compare(self, partition_no: int) -> _Seen:
        """Look at what was published since everything was known to be applied, page by page."""
        seen, after = _Seen(), None
        while True:
            with self._database.session() as session:
                rows = session.all(
                    self._outbox.statement("unapplied"),
                    partition_no=partition_no,
                    after=after,
                    limit=PAGE_ROWS_MAX,
                )
            after = rows[0]["page_end"]
            if after is None:
                break
            self._look_at(
                partition_no, [row for row in rows if row["event_id"] is not None], after, seen
            )
            if rows[0]["page_rows"] < PAGE_ROWS_MAX:
                break
        return seen

    def _look_at(self, partition_no: int, lacking: list[Row], page_end: int, seen: _Seen) -> None:
        if not seen.has_gap:
            seen.applied_no = lacking[0]["publication_no"] - 1 if lacking else page_end
        seen.has_gap = seen.has_gap or bool(lacking)
        if not lacking:
            return
        # The stream is looked at after the consumers, and they are asked again as the row is taken back: what was
        # applied and acknowledged in between is not lost.
        still_lacking = self._resend(self._lost(partition_no, lacking))
        resent = [event_id for event_id, is_resent in still_lacking.items() if is_resent]
        seen.resent += resent
        # What is sent again is counted as unpublished, by the statement that notes the comparison.
        waiting = still_lacking.keys() | {row["event_id"] for row in lacking if row["resends"]}
        seen.missing += len(waiting - set(resent))
        if resent:
            RESENT.labels(self._outbox.owner).inc(len(resent))
            told = [str(event_id) for event_id in resent[:10]]
            log.error(
                "the stream lost events; they are published again",
                partition=partition_no,
                number=len(resent),
                first=told,
            )

    def _lost(self, partition_no: int, lacking: list[Row]) -> list[Row]:
        stream = self._outbox.stream_of(partition_no)
        entries = {row["entry_id"]: str(row["event_id"]) for row in lacking}
        reach = [self._streams.in_reach(stream, group, entries) for group in self._groups]
        return [row for row in lacking if not all(row["entry_id"] in each for each in reach)]

    def _resend(self, lost: list[Row]) -> dict[UUID, bool]:
        """Return the events that are lacking even now, and whether each is published again now."""
        if not lost:
            return {}
        with self._database.session() as session:
            rows = session.all(
                self._outbox.statement("resend"),
                event_ids=[row["event_id"] for row in lost],
                publication_nos=[row["publication_no"] for row in lost],
                patience_seconds=RESEND_PATIENCE_SECONDS,
            )
        return {row["event_id"]: row["resent"] for row in rows}
