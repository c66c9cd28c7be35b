"""A subscription: the functions that a consumer runs for each type of wallet event."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

from prometheus_client import Counter

from wallet_runtime.contract.consumers import WALLET_CONSUMERS
from wallet_runtime.contract.events import PARTITIONS
from wallet_runtime.plumbing.events.envelope import StreamEvent
from wallet_runtime.plumbing.events.streams import wallet_stream
from wallet_runtime.plumbing.runtime.database import DatabaseSession

Effect = Callable[[DatabaseSession, StreamEvent], None]


def ignore_failure(event: StreamEvent) -> None:
    """Do nothing; the default of `on_failure`."""


def only_receive(session: DatabaseSession, event: StreamEvent) -> None:
    """Do nothing, for an event type without an effect; the inbox still stores the claim."""


@dataclass(frozen=True)
class Subscription:
    """A consumer of the wallet's stream.

    `consumer` is its schema, a key of `contract.consumers.WALLET_CONSUMERS`. `effects` has one
    function per event type, which runs in the transaction that claims the event. An event of
    another type is claimed and has no effect. If an effect raises one of `poison`, the event
    becomes a dead letter without a retry. `on_failure` is called after each failed try.
    """

    consumer: str
    effects: Mapping[str, Effect]
    poison: tuple[type[Exception], ...] = ()
    on_failure: Callable[[StreamEvent], None] = ignore_failure
    partitions: int = PARTITIONS
    stream_of: Callable[[int], str] = wallet_stream

    @property
    def group(self) -> str:
        """The consumer group in Redis."""
        return WALLET_CONSUMERS[self.consumer].group

    def statement(self, verb: str) -> str:
        """Return the name of one of the consumer's SQL statements."""
        return f"{self.consumer}_{verb}"

    def apply(self, session: DatabaseSession, event: StreamEvent) -> None:
        """Run the event's effect, in the transaction that claimed the event."""
        self.effects.get(event.event_type, only_receive)(session, event)


@dataclass(frozen=True)
class ConsumerMetrics:
    """The Prometheus counters of one consumer; their names begin with its schema."""

    events: Counter
    dead_letters: Counter


@cache
def metrics_of(consumer: str) -> ConsumerMetrics:
    """Return a consumer's counters; Prometheus allows each name only once per process."""
    return ConsumerMetrics(
        Counter(
            f"{consumer}_events_total",
            "Events of the wallet that were dealt with.",
            ["event_type", "outcome"],
        ),
        Counter(
            f"{consumer}_events_set_aside_total",
            "Events set aside as dead letters.",
            ["reason"],
        ),
    )
