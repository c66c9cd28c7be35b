"""wallet_worker: publishes `wallet.wallet_outbox` to the partitioned wallet stream, in order per player.

It compares what was published with what the consumers have, publishes again what the stream lost, and removes what is old.

It keeps publishing while money is frozen: a drain waits for it.
"""

import os

from wallet_runtime import contract
from wallet_runtime.plumbing.events.delivery import INTERVAL_SECONDS as COMPARISON_SECONDS
from wallet_runtime.plumbing.events.delivery import STALLED_SECONDS as COMPARISON_STALLED_SECONDS
from wallet_runtime.plumbing.events.delivery import Delivery
from wallet_runtime.plumbing.events.outbox import POLL_SECONDS, STALLED_SECONDS, Outbox, Publisher
from wallet_runtime.plumbing.events.retention import (
    INTERVAL_SECONDS,
    Entries,
    Keep,
    Retention,
    Rows,
    read_keep,
)
from wallet_runtime.plumbing.events.retention import STALLED_SECONDS as RETENTION_STALLED_SECONDS
from wallet_runtime.plumbing.events.streams import Streams, open_streams, wallet_stream
from wallet_runtime.plumbing.http.app import Service
from wallet_runtime.plumbing.runtime.context import Context
from wallet_runtime.plumbing.runtime.database import Database
from wallet_runtime.plumbing.runtime.loop import Loop

WALLET_OUTBOX = Outbox("wallet", wallet_stream)


def retention_of(database: Database, streams: Streams, keep: Keep) -> Retention:
    """Make what removes published events, old answers and entries that every consumer has got through with."""
    rows = (
        Rows("wallet_prune_outbox", keep.outbox),
        Rows("wallet_prune_idempotency", keep.idempotency),
    )
    entries = tuple(
        Entries(wallet_stream(number), contract.WALLET_STREAM_GROUPS, keep.stream)
        for number in range(contract.PARTITIONS)
    )
    return Retention(database, streams, rows, entries)


def delivery_of(database: Database, streams: Streams) -> Delivery:
    """Make what compares the wallet's outbox with its consumers."""
    return Delivery(WALLET_OUTBOX, contract.WALLET_STREAM_GROUPS, database, streams)


class Worker:
    """The process's parts, made when its context is open."""

    publisher: Publisher | None = None
    delivery: Delivery | None = None

    def loops(self, context: Context) -> tuple[Loop, ...]:
        """Make the publisher's loop, the comparison's, and the one that removes what is old."""
        streams = open_streams(context.settings)
        self.publisher = Publisher(WALLET_OUTBOX, context.database, streams)
        self.delivery = delivery_of(context.database, streams)
        keeper = retention_of(context.database, streams, read_keep(os.environ))
        return (
            Loop("outbox_publisher", self.publisher.turn, POLL_SECONDS, STALLED_SECONDS),
            Loop("delivery", self.delivery.turn, COMPARISON_SECONDS, COMPARISON_STALLED_SECONDS),
            Loop("retention", keeper.turn, INTERVAL_SECONDS, RETENTION_STALLED_SECONDS),
        )

    def check_publishing(self, context: Context) -> str:
        """Judge what the publisher got done lately."""
        return self.publisher.health() if self.publisher else "not started"

    def check_delivery(self, context: Context) -> str:
        """Judge whether published events are missing."""
        return self.delivery.health() if self.delivery else "not started"


_worker = Worker()
SERVICE = Service(
    contract.WALLET_WORKER,
    loops=_worker.loops,
    checks={"publishing": _worker.check_publishing, "delivery": _worker.check_delivery},
)
