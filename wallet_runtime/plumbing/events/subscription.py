"""A subscription: one service's effects of another's events."""

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
    """Do nothing further about a failed try."""


def only_receive(session: DatabaseSession, event: StreamEvent) -> None:
    """Do nothing further: the inbox row is the proof that the event came through."""


@dataclass(frozen=True)
class Subscription:
    """A consumer of the wallet's stream.

    `consumer` is its schema, a key of `contract.consumers.WALLET_CONSUMERS`. `effects` has one
    function per event type, which runs in the transaction that claims the event. An event of
    another type is received only. An effect that raises one of `poison` cannot succeed on another
    try. `on_failure` is called after each failed try.
    """

    consumer: str
    effects: Mapping[str, Effect]
    poison: tuple[type[Exception], ...] = ()
    on_failure: Callable[[StreamEvent], None] = ignore_failure
    partitions: int = PARTITIONS
    stream_of: Callable[[int], str] = wallet_stream

    @property
    def group(self) -> str:
        """Its consumer group in Redis."""
        return WALLET_CONSUMERS[self.consumer].group

    def statement(self, verb: str) -> str:
        """Name one of the consumer's statements."""
        return f"{self.consumer}_{verb}"

    def apply(self, session: DatabaseSession, event: StreamEvent) -> None:
        """Carry out the event's effect in the transaction that claimed it."""
        self.effects.get(event.event_type, only_receive)(session, event)


@dataclass(frozen=True)
class ConsumerMetrics:
    """The counters of one consumer, whose names begin with its schema's."""

    events: Counter
    dead_letters: Counter


@cache
def metrics_of(consumer: str) -> ConsumerMetrics:
    """Make a consumer's counters once per process."""
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
