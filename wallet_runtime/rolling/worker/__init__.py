"""rolling_worker: consumes the wallet's events, publishes rolling's own, expires and completes.

It also removes what is old. RS-6 lists its loops.
"""

import os

from wallet_runtime.contract.events import ROLLING_STREAM
from wallet_runtime.contract.processes import ROLLING_WORKER
from wallet_runtime.plumbing.events.consumer import consumer_loop
from wallet_runtime.plumbing.events.outbox import Outbox, publisher_loop
from wallet_runtime.plumbing.events.retention import (
    ExpiringEntries,
    ExpiringRows,
    Retention,
    RetentionHours,
    consumer_rows,
    read_retention_hours,
)
from wallet_runtime.plumbing.events.streams import Streams, open_streams
from wallet_runtime.plumbing.http.app import Service
from wallet_runtime.plumbing.http.service_client import ServiceClient
from wallet_runtime.plumbing.runtime.context import Context
from wallet_runtime.plumbing.runtime.database import Database
from wallet_runtime.plumbing.runtime.health import OK
from wallet_runtime.plumbing.runtime.loop import Loop
from wallet_runtime.rolling.worker.completion import completion_loop
from wallet_runtime.rolling.worker.effects import SUBSCRIPTION
from wallet_runtime.rolling.worker.expiry import expiry_loop
from wallet_runtime.rolling.worker.switches import Switches, read_switches

ROLLING_OUTBOX = Outbox("rolling", lambda partition_no: ROLLING_STREAM)


def retention_of(database: Database, streams: Streams, hours: RetentionHours) -> Retention:
    """Make what removes published events, claims and failures of events, and entries.

    Nobody consumes rolling's stream yet, so time alone decides there.
    """
    rows = (
        ExpiringRows("rolling_prune_outbox", hours.outbox),
        *consumer_rows("rolling", hours),
    )
    entries = ExpiringEntries(ROLLING_STREAM, (), hours.stream)
    return Retention(database, streams, rows, (entries,))


def make_loops(context: Context, switches: Switches, hours: RetentionHours) -> tuple[Loop, ...]:
    """Make the chosen loops, and the one that removes what is old."""
    database, streams = context.database, open_streams(context.settings)
    loops: list[Loop] = []
    if switches.event_consumer:
        loops.append(consumer_loop(SUBSCRIPTION, database, streams, context.settings.copy))
    if switches.outbox_poller:
        loops.append(publisher_loop(ROLLING_OUTBOX, database, streams))
    if switches.expiry_scheduler:
        loops.append(expiry_loop(database))
    if switches.completion_retry:
        loops.append(completion_loop(database, ServiceClient(context)))
    return *loops, retention_of(database, streams, hours).loop()


def loops(context: Context) -> tuple[Loop, ...]:
    """Make the loops that are switched on. Raises SettingsError."""
    return make_loops(context, read_switches(os.environ), read_retention_hours(os.environ))


def switched_off(context: Context) -> str:
    """Say "ok" for a loop that is switched off; the check of one that runs replaces this."""
    return OK


SERVICE = Service(
    ROLLING_WORKER,
    loops=loops,
    checks=dict.fromkeys(("publishing", "event_order", "completion"), switched_off),
)
