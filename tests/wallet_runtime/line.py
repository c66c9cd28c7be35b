"""The path of an event in tests: the wallet's outbox, the stream, and a consumer."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.wallet_runtime.events import Outbox
from wallet_runtime.plumbing.events.consumer import Consumer
from wallet_runtime.plumbing.events.outbox import Publisher

BREAK = "ALTER TABLE rolling.player_rolling ADD CONSTRAINT planted CHECK (amount <> 666) NOT VALID"
MEND = "ALTER TABLE rolling.player_rolling DROP CONSTRAINT planted"
OPEN = """
SELECT reason FROM rolling.rolling_dead_letter WHERE resolved_at IS NULL ORDER BY dead_letter_id
"""
Look = Callable[..., list[tuple[Any, ...]]]


@dataclass
class Line:
    """The wallet's outbox, its publisher and one consumer. Both run only when a test calls them."""

    wallet: Outbox
    publisher: Publisher
    consumer: Consumer

    def publish(self) -> int:
        """Publish all events that wait; return their number."""
        return sum(iter(self.publisher.turn, 0))

    def run(self, turns: int = 3) -> None:
        """Publish all events, then let the consumer take `turns` turns."""
        self.publish()
        for _ in range(turns):
            self.consumer.turn()


def turn_until(line: Line, look: Look, expected: list[tuple[str]]) -> None:
    """Let the consumer take turns until the open dead letters have the `expected` reasons."""
    deadline = time.monotonic() + 20
    while look(OPEN) != expected:
        assert time.monotonic() < deadline, f"open are {look(OPEN)}, expected {expected}"
        line.consumer.turn()
