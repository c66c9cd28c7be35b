"""A wallet database with the split topology active, and hands to try it with."""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID, uuid4, uuid5

import psycopg
import pytest

from tests.cluster import TestDatabase
from tests.wallet_runtime.wallet.pairs import activate_split
from wallet_runtime.plumbing.database import Database
from wallet_runtime.wallet.domain.state import Request
from wallet_runtime.wallet.store.money import Money, money_of

Perform = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture
def wallet(platform_db: TestDatabase) -> Iterator[Database]:
    """A wallet database with RUBY_SPLIT_V1 version 1 active, seen as wallet_service."""
    database = Database(platform_db.dsn("wallet_service"), "wallet-test", pool_max=8).open()
    activate_split(database)
    yield database
    database.close()


@pytest.fixture
def look(platform_db: TestDatabase) -> Iterator[psycopg.Connection]:
    """A superuser's connection, for checks and planted faults."""
    with psycopg.connect(platform_db.superuser_dsn, autocommit=True) as connection:
        yield connection


@pytest.fixture
def operator(platform_db: TestDatabase) -> Iterator[psycopg.Connection]:
    """A connection of the operators' role, holding fencing token 1."""
    with psycopg.connect(platform_db.dsn("rubyops_ops"), autocommit=True) as connection:
        connection.execute("SELECT wallet.advance_fence(1)")
        yield connection


class Player:
    """A registered canary player in EUR, whose commands carry counted request ids."""

    def __init__(self, money: Money) -> None:
        """Register the player under a brand of his own."""
        self.money = money
        self.brand_id, self.player_id = uuid4(), uuid4()
        self.count = 0
        money.register(self.brand_id, self.player_id, "EUR", True)

    def perform(
        self,
        rule: Any,
        command: Any,
        *,
        request_id: str | None = None,
        fingerprint: str = "ab",
        canary_token: str | None = None,
        **reads: str,
    ) -> tuple[int, dict[str, Any]]:
        """Perform one command under a new request id, or the given one."""
        self.count += 1
        name = request_id or f"request-{self.count}"
        transaction_id: UUID = uuid5(self.player_id, f"{rule.__name__} {name}")
        request = Request(self.brand_id, self.player_id, "test", rule.__name__, name, fingerprint, transaction_id, canary_token)
        return self.money.perform(request, reads, lambda state, pair: rule(request, command, state, pair))


@pytest.fixture
def player(wallet: Database) -> Player:
    """A player to move money with."""
    return Player(money_of(wallet))
