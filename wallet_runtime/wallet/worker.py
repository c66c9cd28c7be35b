"""wallet_worker: publishes `wallet.wallet_outbox` to the partitioned stream, in player order.

It compares what was published with what the consumers have, publishes again what the stream lost,
and removes what is old. It keeps publishing while money is frozen: a drain waits for it.
"""

import os

from wallet_runtime.contract.events import PARTITIONS, WALLET_CONSUMERS
from wallet_runtime.contract.processes import WALLET_WORKER
from wallet_runtime.plumbing.events.delivery import Delivery
from wallet_runtime.plumbing.events.outbox import Outbox, publisher_loop
from wallet_runtime.plumbing.events.retention import (
    ExpiringEntries,
    ExpiringRows,
    Retention,
    RetentionHours,
    read_retention_hours,
)
from wallet_runtime.plumbing.events.streams import Streams, open_streams, wallet_stream
from wallet_runtime.plumbing.http.app import Service
from wallet_runtime.plumbing.runtime.context import Context
from wallet_runtime.plumbing.runtime.database import Database
from wallet_runtime.plumbing.runtime.loop import Loop

WALLET_OUTBOX = Outbox("wallet", wallet_stream)


def retention_of(database: Database, streams: Streams, hours: RetentionHours) -> Retention:
    """Make what removes published events, old answers, and entries that every consumer has."""
    rows = (
        ExpiringRows("wallet_prune_outbox", hours.outbox),
        ExpiringRows("wallet_prune_idempotency", hours.idempotency),
    )
    groups = tuple(WALLET_CONSUMERS.values())
    entries = tuple(
        ExpiringEntries(wallet_stream(number), groups, hours.stream) for number in range(PARTITIONS)
    )
    return Retention(database, streams, rows, entries)


def delivery_of(database: Database, streams: Streams) -> Delivery:
    """Make what compares the wallet's outbox with its consumers."""
    return Delivery(WALLET_OUTBOX, WALLET_CONSUMERS, database, streams)


def loops(context: Context) -> tuple[Loop, ...]:
    """Make the publisher's loop, the comparison's, and the one that removes what is old.

    Raises SettingsError.
    """
    database, streams = context.database, open_streams(context.settings)
    hours = read_retention_hours(os.environ)
    return (
        publisher_loop(WALLET_OUTBOX, database, streams),
        delivery_of(database, streams).loop(),
        retention_of(database, streams, hours).loop(),
    )


SERVICE = Service(WALLET_WORKER, loops=loops)
