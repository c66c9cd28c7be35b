"""The publisher's turn over an outbox table: committed events go to their stream at least once, in order per player.

A partition's row lock is the lease: it is held by the transaction that publishes and marks, so it cannot outlive it.
A kill between the two sends the same events again, from the same first one, and consumers claim each event once.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from prometheus_client import Counter, Gauge

from sql import query
from wallet_runtime.plumbing.events.streams import Streams, StreamsError
from wallet_runtime.plumbing.runtime import failpoint
from wallet_runtime.plumbing.runtime.database import Database, Row, Session
from wallet_runtime.plumbing.runtime.window import Tally

BATCH_ROWS_MAX = 200
POLL_SECONDS = 0.015
STALLED_SECONDS = 10.0  # several bounded waits for Redis and PostgreSQL
HEALTH_WINDOW_SECONDS = 10.0
BACKLOG_INTERVAL_SECONDS = 2.0
ENTRY_FIELDS = (
    "event_id",
    "event_type",
    "brand_id",
    "player_id",
    "player_version",
    "event_no",
    "schema_version",
    "occurred_at",
    "restore_epoch",
    "payload",
)
PUBLISHED = Counter("outbox_published_total", "Events that reached their stream.", ["outbox"])
PUBLISH_FAILURES = Counter(
    "outbox_publish_failures_total",
    "Batches that Redis did not take; their events wait.",
    ["outbox"],
)
DEPTH = Gauge("outbox_depth", "Events that wait to be published.", ["outbox"])
AGE = Gauge("outbox_age_seconds", "Age of the oldest event that waits to be published.", ["outbox"])
_VERBS = ("waiting", "lease", "rows", "published", "failed", "backlog")


@dataclass(frozen=True)
class Outbox:
    """One outbox table: whose it is, and which stream a partition goes to.

    The statements are `<owner>_outbox_<verb>` of sql/queries/outbox.sql; a missing one stops the start.
    """

    owner: str
    stream_of: Callable[[int], str]

    def __post_init__(self) -> None:
        """Find every statement now rather than at the first event."""
        for verb in _VERBS:
            query(self.statement(verb))

    def statement(self, verb: str) -> str:
        """Name one of the outbox's statements."""
        return f"{self.owner}_outbox_{verb}"


class PublishFailed(Exception):
    """Redis did not take the events; they wait in the outbox."""


class Publisher:
    """Publishes one outbox; any number of publishers may run on it, in this process and in others."""

    def __init__(
        self,
        outbox: Outbox,
        database: Database,
        streams: Streams,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take what a turn needs; nothing is connected here."""
        self._outbox = outbox
        self._database = database
        self._streams = streams
        self._clock = clock
        self._tally = Tally(
            f"publishing the {outbox.owner} outbox", HEALTH_WINDOW_SECONDS, clock=clock
        )
        self._backlog_at = -BACKLOG_INTERVAL_SECONDS

    def turn(self) -> int:
        """Publish one batch of one partition; return how many events it held. Raises PublishFailed, then nothing is lost."""
        self._show_backlog()
        with self._database.session() as session:
            if not session.one(self._outbox.statement("waiting"))["waiting"]:
                return 0
        with self._database.transaction() as session:
            lease = session.maybe(self._outbox.statement("lease"))
            if lease is None:
                return 0
            published, failure = self._publish(session, lease["partition_no"])
        if failure is not None or published:
            self._tally.add(failure is None)
        if failure is not None:
            PUBLISH_FAILURES.labels(self._outbox.owner).inc()
            raise PublishFailed(
                f"{failure}; the events wait in the {self._outbox.owner} outbox and are tried again"
            ) from failure
        PUBLISHED.labels(self._outbox.owner).inc(published)
        return published

    def health(self) -> str:
        """Say "ok", `Degraded` when part of the last tries got through, or the reason when none did (SPEC 4)."""
        return self._tally.verdict()

    def _publish(self, session: Session, partition_no: int) -> tuple[int, StreamsError | None]:
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
        DEPTH.labels(self._outbox.owner).set(backlog["depth"])
        AGE.labels(self._outbox.owner).set(backlog["age_seconds"])
        self._backlog_at = now


def content_hash(fields: Mapping[str, str]) -> str:
    """Hash an entry's content, as `wallet.known_events` hashes the row that it was made of."""
    content = "\n".join(fields.get(name, "") for name in ENTRY_FIELDS)
    return sha256(content.encode("utf-8", "surrogateescape")).hexdigest()


def _entries(rows: Sequence[Row]) -> list[dict[str, str]]:
    # A column that is NULL or not there is left out: the consumer refuses an entry without it.
    return [{name: row[name] for name in ENTRY_FIELDS if row.get(name) is not None} for row in rows]
