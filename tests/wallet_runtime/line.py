"""The way of an event in tests: written by the wallet, published, consumed as rolling_worker."""

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
    """The wallet's outbox, its publisher and one consumer, moved by hand."""

    wallet: Outbox
    publisher: Publisher
    consumer: Consumer

    def publish(self) -> int:
        """Publish everything that waits."""
        return sum(iter(self.publisher.turn, 0))

    def run(self, turns: int = 3) -> None:
        """Publish everything and let the consumer take some turns."""
        self.publish()
        for _ in range(turns):
            self.consumer.turn()


def turn_until(line: Line, look: Look, expected: list[tuple[str]]) -> None:
    """Let the consumer take turns until these are the reasons of the open dead letters."""
    deadline = time.monotonic() + 20
    while look(OPEN) != expected:
        assert time.monotonic() < deadline, f"open are {look(OPEN)}, expected {expected}"
        line.consumer.turn()
