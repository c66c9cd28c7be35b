"""The consumers of the wallet's stream. No other place lists them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Consumer:
    """A consumer of the wallet's stream: its schema, and its consumer group in Redis.

    The process `worker` applies the events. The process `service` has the routes for dead letters.
    Each process logs in to the database as the role of its own name.
    """

    schema: str
    group: str
    worker: str
    service: str


_CONSUMERS = [
    Consumer("rolling", "rolling_worker", "rolling_worker", "rolling_service"),
]
# Keyed by schema. The wallet deletes an event only after each of these consumers has handled it.
WALLET_CONSUMERS = {consumer.schema: consumer for consumer in _CONSUMERS}
CONSUMER_WORKERS = tuple(dict.fromkeys(each.worker for each in _CONSUMERS))
CONSUMER_SERVICES = tuple(dict.fromkeys(each.service for each in _CONSUMERS))
