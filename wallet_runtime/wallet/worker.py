"""The process wallet_worker: publishes rows of `wallet.wallet_outbox` to the partitioned stream.

Each player's events are published in order. The worker also republishes events that the stream has
lost, and deletes expired rows and stream entries. It publishes during a freeze, too, because a
drain waits until every event is delivered.
"""

import os

from wallet_runtime.contract.consumers import WALLET_CONSUMERS
from wallet_runtime.contract.events import PARTITIONS
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
    """Build the cleanup of published events, stored answers, and acknowledged stream entries."""
    rows = (
        ExpiringRows("wallet_prune_outbox", hours.outbox),
        ExpiringRows("wallet_prune_idempotency", hours.idempotency),
    )
    entries = tuple(_entries_of(number, hours) for number in range(PARTITIONS))
    return Retention(database, streams, rows, entries)


def _entries_of(partition: int, hours: RetentionHours) -> ExpiringEntries:
    groups = tuple(consumer.group for consumer in WALLET_CONSUMERS.values())
    return ExpiringEntries(wallet_stream(partition), groups, hours.stream)


def delivery_of(database: Database, streams: Streams) -> Delivery:
    """Build the check that every consumer got the events of the wallet's outbox."""
    groups = {schema: consumer.group for schema, consumer in WALLET_CONSUMERS.items()}
    return Delivery(WALLET_OUTBOX, groups, database, streams)


def loops(context: Context) -> tuple[Loop, ...]:
    """Build the worker's loops: publisher, delivery check and cleanup.

    Raises `SettingsError` for an invalid retention setting.
    """
    database, streams = context.database, open_streams(context.settings)
    hours = read_retention_hours(os.environ)
    return (
        publisher_loop(WALLET_OUTBOX, database, streams),
        delivery_of(database, streams).loop(),
        retention_of(database, streams, hours).loop(),
    )


SERVICE = Service(WALLET_WORKER, loops=loops)
