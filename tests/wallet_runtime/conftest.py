"""Fixtures of the runtime's event tests: real databases as their own roles, a real Valkey."""

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from tests.cluster import TestDatabase
from tests.wallet_runtime.events import Outbox
from wallet_runtime.plumbing.events.streams import Streams
from wallet_runtime.plumbing.runtime.database import Database

AsRole = Callable[[str], Database]


@pytest.fixture
def superuser(platform_db: TestDatabase) -> Iterator[psycopg.Connection[Any]]:
    """A session that may see and change everything."""
    with psycopg.connect(platform_db.superuser_dsn, autocommit=True) as connection:
        yield connection


@pytest.fixture
def as_role(platform_db: TestDatabase) -> Iterator[AsRole]:
    """Open the platform's database as a role, with the rights of that role alone."""
    opened: list[Database] = []

    def open_as(role: str) -> Database:
        opened.append(Database(platform_db.dsn(role), f"test-{role}", pool_max=4).open())
        return opened[-1]

    yield open_as
    for database in opened:
        database.close()


@pytest.fixture
def streams(redis_url: str) -> Iterator[Streams]:
    """The test's Redis."""
    opened = Streams(redis_url)
    yield opened
    opened.close()


@pytest.fixture
def wallet_outbox(superuser: psycopg.Connection[Any]) -> Outbox:
    """The wallet's outbox, to write events into."""
    return Outbox(superuser)
