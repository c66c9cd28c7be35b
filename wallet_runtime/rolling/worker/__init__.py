"""rolling_worker: consumes wallet events, publishes rolling events, expires and completes.

It also deletes old rows and stream entries. RS-6 lists its loops.
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
    """Build the retention of published events, claims, failures of events, and stream entries.

    The stream of rolling events has no consumer, so its entries are deleted by age alone.
    """
    rows = (
        ExpiringRows("rolling_prune_outbox", hours.outbox),
        *consumer_rows("rolling", hours),
    )
    entries = ExpiringEntries(ROLLING_STREAM, (), hours.stream)
    return Retention(database, streams, rows, (entries,))


def make_loops(context: Context, switches: Switches, hours: RetentionHours) -> tuple[Loop, ...]:
    """Make the loops that the environment switches on. Raises SettingsError."""
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
    """Make the loops that the environment switches on. Raises SettingsError."""
    return make_loops(context, read_switches(os.environ), read_retention_hours(os.environ))


def switched_off(context: Context) -> str:
    """Return "ok" for a loop that is switched off; a running loop replaces this check."""
    return OK


SERVICE = Service(
    ROLLING_WORKER,
    loops=loops,
    checks=dict.fromkeys(("publishing", "event_order", "completion"), switched_off),
)
