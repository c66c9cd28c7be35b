"""The service and the worker of a consumer that does nothing but consume the wallet's stream."""

import os
from functools import partial

from wallet_runtime.contract.consumers import WALLET_CONSUMERS
from wallet_runtime.plumbing.events.consumer import consumer_loop
from wallet_runtime.plumbing.events.retention import (
    Retention,
    consumer_rows,
    read_retention_hours,
)
from wallet_runtime.plumbing.events.streams import open_streams
from wallet_runtime.plumbing.events.subscription import Subscription
from wallet_runtime.plumbing.http.app import Service
from wallet_runtime.plumbing.http.dead_letters import dead_letter_routes
from wallet_runtime.plumbing.runtime.context import Context
from wallet_runtime.plumbing.runtime.loop import Loop


def consumer_service(schema: str) -> Service:
    """Return the service with the routes for a consumer's dead letters."""
    return Service(WALLET_CONSUMERS[schema].service, routes=dead_letter_routes(schema))


def consumer_worker(subscription: Subscription) -> Service:
    """Return the worker that applies a consumer's events."""
    worker = WALLET_CONSUMERS[subscription.consumer].worker
    return Service(worker, loops=partial(consumer_loops, subscription))


def consumer_loops(subscription: Subscription, context: Context) -> tuple[Loop, ...]:
    """Make the loop that applies events, and the loop that deletes old claims.

    Raises SettingsError.
    """
    database, streams = context.database, open_streams(context.settings)
    rows = consumer_rows(subscription.consumer, read_retention_hours(os.environ))
    return (
        consumer_loop(subscription, database, streams, context.settings.copy),
        Retention(database, streams, rows).loop(),
    )
