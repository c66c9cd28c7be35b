"""The way of an event in tests: written by the wallet, published, consumed as rolling_worker."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest

from tests.wallet_runtime.conftest import AsRole
from tests.wallet_runtime.events import Outbox
from wallet_runtime.plumbing.events.consumer import Consumer
from wallet_runtime.plumbing.events.outbox import Publisher
from wallet_runtime.plumbing.events.streams import Streams
from wallet_runtime.plumbing.runtime.database import Database
from wallet_runtime.rolling.worker.effects import SUBSCRIPTION
from wallet_runtime.wallet.worker import WALLET_OUTBOX

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


@pytest.fixture
def rolling_db(as_role: AsRole) -> Database:
    """The platform's database as rolling_worker."""
    return as_role("rolling_worker")


@pytest.fixture
def line(as_role: AsRole, rolling_db: Database, streams: Streams, wallet_outbox: Outbox) -> Line:
    """One publisher and one consumer on real servers."""
    return Line(
        wallet_outbox,
        Publisher(WALLET_OUTBOX, as_role("wallet_worker"), streams),
        Consumer(SUBSCRIPTION, rolling_db, streams, "copy-1"),
    )


@pytest.fixture
def look(superuser: psycopg.Connection[Any]) -> Look:
    """Look at rows as the superuser."""

    def rows(statement: str, *values: object) -> list[tuple[Any, ...]]:
        return superuser.execute(statement.encode(), values).fetchall()

    return rows
