"""Publishes the committed events of an outbox to their streams, in order per player.

Each event is published at least once. One transaction locks the row of a partition, publishes a
batch of its events and marks them as published. So two publishers never work on one partition at
the same time. After a crash before the commit, the same batch is published again; consumers claim
each event once.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from prometheus_client import Counter, Gauge

from wallet_runtime.plumbing.events.envelope import FIELDS
from wallet_runtime.plumbing.events.streams import Streams, StreamsError
from wallet_runtime.plumbing.events.tables import confirm_tables
from wallet_runtime.plumbing.runtime import failpoint
from wallet_runtime.plumbing.runtime.database import Database, DatabaseSession, Row
from wallet_runtime.plumbing.runtime.loop import Loop
from wallet_runtime.plumbing.runtime.window import SlidingWindow

BATCH_ROWS_MAX = 200
POLL_SECONDS = 0.015
IDLE_POLL_SECONDS = 0.25  # 60 polls a second took a fifth of the CPU time of an idle platform
STALLED_SECONDS = 10.0  # a turn may wait for several timeouts of Redis and PostgreSQL
HEALTH_WINDOW_SECONDS = 10.0
BACKLOG_INTERVAL_SECONDS = 2.0
PUBLISHED = Counter("outbox_published_total", "Events that reached their stream.", ["outbox"])
PUBLISH_FAILURES = Counter(
    "outbox_publish_failures_total",
    "Batches that Redis did not take; their events wait.",
    ["outbox"],
)
DEPTH = Gauge("outbox_depth", "Events that wait to be published.", ["outbox"])
AGE = Gauge("outbox_age_seconds", "Age of the oldest event that waits to be published.", ["outbox"])


@dataclass(frozen=True)
class Outbox:
    """One outbox: its schema, one of `sql.owners.PUBLISHERS`, and the stream of each partition."""

    publisher: str
    stream_of: Callable[[int], str]

    def statement(self, verb: str) -> str:
        """Return the name of one of the outbox's SQL statements."""
        return f"{self.publisher}_outbox_{verb}"


class PublishFailed(Exception):
    """Publishing to Redis failed; the events stay in the outbox."""


class Publisher:
    """Publishes one outbox. Several publishers may work on it, in any number of processes."""

    def __init__(
        self,
        outbox: Outbox,
        database: Database,
        streams: Streams,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Store the dependencies; connect to nothing."""
        self._outbox = outbox
        self._database = database
        self._streams = streams
        self._clock = clock
        self._window = SlidingWindow(
            f"publishing the {outbox.publisher} outbox", HEALTH_WINDOW_SECONDS, clock=clock
        )
        self._backlog_at = -BACKLOG_INTERVAL_SECONDS

    def turn(self) -> int:
        """Publish one batch of one partition; return how many events it held.

        Raises PublishFailed; the events then stay in the outbox for the next try.
        """
        self._show_backlog()
        with self._database.session() as session:
            if not session.one(self._outbox.statement("waiting"))["waiting"]:
                return 0
        with self._database.transaction() as session:
            lease = session.maybe(self._outbox.statement("lease"))
            if lease is None:
                return 0
            published, failure = self._publish(session, lease["partition_no"])
        return self._count(published, failure)

    def health(self) -> str:
        """Return "ok", `Degraded` if some recent tries failed, or why all failed (SPEC 4)."""
        return self._window.verdict()

    def _count(self, published: int, failure: StreamsError | None) -> int:
        outbox = self._outbox.publisher
        if failure is not None or published:
            self._window.add(failure is None)
        if failure is not None:
            PUBLISH_FAILURES.labels(outbox).inc()
            raise PublishFailed(
                f"{failure}; the events wait in the {outbox} outbox and are tried again"
            ) from failure
        PUBLISHED.labels(outbox).inc(published)
        return published

    def _publish(
        self, session: DatabaseSession, partition_no: int
    ) -> tuple[int, StreamsError | None]:
        rows = session.all(
            self._outbox.statement("rows"), partition_no=partition_no, limit=BATCH_ROWS_MAX
        )
        if not rows:
            return 0, None
        try:
            entry_ids = self._streams.publish(self._outbox.stream_of(partition_no), _entries(rows))
        except StreamsError as failure:
            session.run(
                self._outbox.statement("failed"),
                partition_no=partition_no,
                outbox_id=rows[0]["outbox_id"],
            )
            return 0, failure
        failpoint.reach("publisher.after_xadd")
        session.run(
            self._outbox.statement("published"),
            partition_no=partition_no,
            outbox_ids=[row["outbox_id"] for row in rows],
            entry_ids=entry_ids,
        )
        return len(rows), None

    def _show_backlog(self) -> None:
        now = self._clock()
        if now - self._backlog_at < BACKLOG_INTERVAL_SECONDS:
            return
        with self._database.session() as session:
            backlog = session.one(self._outbox.statement("backlog"))
        DEPTH.labels(self._outbox.publisher).set(backlog["depth"])
        AGE.labels(self._outbox.publisher).set(backlog["age_seconds"])
        self._backlog_at = now


def publisher_loop(outbox: Outbox, database: Database, streams: Streams) -> Loop:
    """Make the loop `outbox_publisher`. Raises SettingsError where a table is missing."""
    confirm_tables(database, outbox.statement("tables"))
    publisher = Publisher(outbox, database, streams)
    return Loop(
        "outbox_publisher",
        publisher.turn,
        POLL_SECONDS,
        STALLED_SECONDS,
        idle_seconds=IDLE_POLL_SECONDS,
        checks={"publishing": publisher.health},
    )


def _entries(rows: Sequence[Row]) -> list[dict[str, str]]:
    # A field that is NULL is left out, so the consumer refuses the entry as malformed.
    return [{name: row[name] for name in FIELDS if row.get(name) is not None} for row in rows]
