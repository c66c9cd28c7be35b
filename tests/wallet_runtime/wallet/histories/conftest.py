"""The wallet database on which histories are played."""

from collections.abc import Iterator

import psycopg
import pytest

from tests.cluster import TestDatabase
from tests.wallet_runtime.wallet.histories.postgres import Product
from wallet_runtime.plumbing.runtime.database import Database


@pytest.fixture
def product(platform_db: TestDatabase, look: psycopg.Connection) -> Iterator[Product]:
    """An empty wallet database to play histories on."""
    database = Database(platform_db.dsn("wallet_service"), "histories", pool_max=4).open()
    yield Product(database, look)
    database.close()
