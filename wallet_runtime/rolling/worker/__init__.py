"""rolling_worker: consumes the wallet's events, publishes rolling's own, expires and completes rollings (RS-6), removes what is old."""

import os
import time
from uuid import uuid4

from prometheus_client import Gauge

from wallet_runtime import contract
from wallet_runtime.plumbing.events.outbox import POLL_SECONDS, STALLED_SECONDS, Outbox, Publisher
from wallet_runtime.plumbing.events.retention import INTERVAL_SECONDS as RETENTION_SECONDS
from wallet_runtime.plumbing.events.retention import STALLED_SECONDS as RETENTION_STALLED_SECONDS
from wallet_runtime.plumbing.events.retention import Entries, Keep, Retention, Rows, read_keep
from wallet_runtime.plumbing.events.streams import Streams, open_streams
from wallet_runtime.plumbing.http.app import Service
from wallet_runtime.plumbing.http.service_client import ServiceClient
from wallet_runtime.plumbing.runtime import seal
from wallet_runtime.plumbing.runtime.context import Context
from wallet_runtime.plumbing.runtime.database import Database
from wallet_runtime.plumbing.runtime.health import OK
from wallet_runtime.plumbing.runtime.loop import Loop
from wallet_runtime.rolling import store
from wallet_runtime.rolling.worker.completion import FAILURES_BOUND, CompletionRetry
from wallet_runtime.rolling.worker.consumer import Consumer
from wallet_runtime.rolling.worker.switches import Switches, read_switches

CONSUMER_PAUSE_SECONDS = 0.01  # the consumer itself waits for entries inside its turn
CONSUMER_STALLED_SECONDS = 15.0
EXPIRY_SECONDS = 1.0
EXPIRY_STALLED_SECONDS = 15.0
COMPLETION_SECONDS = 0.1
COMPLETION_STALLED_SECONDS = 20.0  # a try at the wallet takes up to two bounded calls
TROUBLE_SECONDS = 5.0

ROLLING_OUTBOX = Outbox("rolling", lambda partition_no: contract.ROLLING_STREAM)
TROUBLE = Gauge(
    "rolling_trouble",
    "What waits for a person: failed completions, dead letters, findings.",
    ["kind"],
)


def retention_of(database: Database, streams: Streams, keep: Keep) -> Retention:
    """Make what removes published events, claims and failures of events, and entries.

    Nobody consumes rolling's stream yet, so time alone decides there.
    """
    rows = (
        Rows("rolling_prune_outbox", keep.outbox),
        Rows("rolling_prune_inbox", keep.inbox),
        Rows("rolling_prune_failures", keep.inbox),
    )
    return Retention(database, streams, rows, (Entries(contract.ROLLING_STREAM, (), keep.stream),))


class Expiry:
    """Closes rollings past their time, and shows what waits for a person."""

    def __init__(self, database: Database) -> None:
        """Take what a turn needs."""
        self._database = database
        self._trouble_at = float("-inf")

    def turn(self) -> int:
        """Expire a batch; return how many rollings it closed. Raises `Maintenance` under a seal."""
        with self._database.transaction() as session:
            seal.hold(session)
            expired = store.expire(session)
        with self._database.session() as session:
            if time.monotonic() - self._trouble_at >= TROUBLE_SECONDS:
                for kind, count in store.trouble(session, FAILURES_BOUND).items():
                    TROUBLE.labels(kind).set(count)
                self._trouble_at = time.monotonic()
        return expired


class Worker:
    """The process's parts, made when its context is open."""

    publisher: Publisher | None = None
    consumer: Consumer | None = None
    completion: CompletionRetry | None = None

    def loops(self, context: Context) -> tuple[Loop, ...]:
        """Make the loops that are switched on."""
        return self.make_loops(context, read_switches(os.environ), read_keep(os.environ))

    def make_loops(self, context: Context, switches: Switches, keep: Keep) -> tuple[Loop, ...]:
        """Make the chosen loops, each with its own bound on staleness, and the one that removes what is old."""
        streams = open_streams(context.settings)
        loops: list[Loop] = []
        if switches.event_consumer:
            self.consumer = Consumer(
                context.database, streams, f"{context.settings.copy}-{uuid4().hex[:12]}"
            )
            loops.append(_consumer_loop(self.consumer))
        if switches.outbox_poller:
            self.publisher = Publisher(ROLLING_OUTBOX, context.database, streams)
            loops.append(
                Loop("outbox_publisher", self.publisher.turn, POLL_SECONDS, STALLED_SECONDS)
            )
        if switches.expiry_scheduler:
            loops.append(
                Loop(
                    "expiry_scheduler",
                    Expiry(context.database).turn,
                    EXPIRY_SECONDS,
                    EXPIRY_STALLED_SECONDS,
                )
            )
        if switches.completion_retry:
            self.completion = CompletionRetry(context.database, ServiceClient(context))
            loops.append(
                Loop(
                    "completion_retry",
                    self.completion.turn,
                    COMPLETION_SECONDS,
                    COMPLETION_STALLED_SECONDS,
                )
            )
        keeper = retention_of(context.database, streams, keep)
        return *loops, Loop("retention", keeper.turn, RETENTION_SECONDS, RETENTION_STALLED_SECONDS)

    def check_publishing(self, context: Context) -> str:
        """Judge what the publisher got done lately."""
        return self.publisher.health() if self.publisher else OK

    def check_order(self, context: Context) -> str:
        """Judge whether events wait for earlier ones that do not come."""
        return self.consumer.health() if self.consumer else OK

    def check_completion(self, context: Context) -> str:
        """Judge what the completion retry got done lately."""
        return self.completion.health() if self.completion else OK


def _consumer_loop(consumer: Consumer) -> Loop:
    loop = Loop("event_consumer", consumer.turn, CONSUMER_PAUSE_SECONDS, CONSUMER_STALLED_SECONDS)
    consumer.leave_when(lambda: loop.stopping)
    return loop


_worker = Worker()
SERVICE = Service(
    contract.ROLLING_WORKER,
    loops=_worker.loops,
    checks={
        "publishing": _worker.check_publishing,
        "event_order": _worker.check_order,
        "completion": _worker.check_completion,
    },
)
