"""Fixtures for event tests: databases opened with the rights of one role, and a real Valkey."""

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from tests.cluster import TestDatabase
from tests.wallet_runtime.events import Outbox
from tests.wallet_runtime.line import Line, Look
from wallet_runtime.plumbing.events import consumer, order
from wallet_runtime.plumbing.events.consumer import Consumer
from wallet_runtime.plumbing.events.outbox import Publisher
from wallet_runtime.plumbing.events.streams import Streams
from wallet_runtime.plumbing.runtime.database import Database
from wallet_runtime.rolling.worker.effects import SUBSCRIPTION
from wallet_runtime.wallet.worker import WALLET_OUTBOX

AsRole = Callable[[str], Database]


@pytest.fixture
def superuser(platform_db: TestDatabase) -> Iterator[psycopg.Connection[Any]]:
    """A superuser's session in autocommit."""
    with psycopg.connect(platform_db.superuser_dsn, autocommit=True) as connection:
        yield connection


@pytest.fixture
def as_role(platform_db: TestDatabase) -> Iterator[AsRole]:
    """A function that opens the platform's database with the rights of one role."""
    opened: list[Database] = []

    def open_as(role: str) -> Database:
        opened.append(Database(platform_db.dsn(role), f"test-{role}", pool_max=4).open())
        return opened[-1]

    yield open_as
    for database in opened:
        database.close()


@pytest.fixture
def streams(redis_url: str) -> Iterator[Streams]:
    """The streams of the test's Redis."""
    opened = Streams(redis_url)
    yield opened
    opened.close()


@pytest.fixture
def wallet_outbox(superuser: psycopg.Connection[Any]) -> Outbox:
    """The wallet's outbox, into which the test writes events."""
    return Outbox(superuser)


@pytest.fixture
def rolling_db(as_role: AsRole) -> Database:
    """The platform's database with the rights of rolling_worker."""
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
    """A function that returns the rows of a statement, run as superuser."""

    def rows(statement: str, *values: object) -> list[tuple[Any, ...]]:
        return superuser.execute(statement.encode(), values).fetchall()

    return rows


@pytest.fixture
def impatient(
    line: Line, as_role: AsRole, streams: Streams, monkeypatch: pytest.MonkeyPatch
) -> Line:
    """A line whose consumer retries at once.

    On almost every turn the consumer also looks for requested replays.
    """
    monkeypatch.setattr(order, "FIRST_RETRY_SECONDS", 0.001)
    monkeypatch.setattr(consumer, "BLOCK_MS", 1)
    return Line(
        line.wallet,
        line.publisher,
        Consumer(SUBSCRIPTION, as_role("rolling_worker"), streams, "copy-1", lease_seconds=0.1),
    )
