"""Fixtures of a wallet database with the split topology active, and a player to use it."""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID, uuid4, uuid5

import psycopg
import pytest

from tests.cluster import TestDatabase
from tests.wallet_runtime.serving import await_until
from tests.wallet_runtime.wallet.pairs import activate_split
from wallet_runtime.plumbing.runtime.database import Database
from wallet_runtime.wallet.domain import cash
from wallet_runtime.wallet.domain.reads import Reads
from wallet_runtime.wallet.domain.state import Request
from wallet_runtime.wallet.store.money import Money, money_of

Perform = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture
def wallet(platform_db: TestDatabase) -> Iterator[Database]:
    """A wallet database with RUBY_SPLIT_V1 version 1 active, opened as wallet_service."""
    database = Database(platform_db.dsn("wallet_service"), "wallet-test", pool_max=8).open()
    activate_split(database)
    yield database
    database.close()


@pytest.fixture
def look(platform_db: TestDatabase) -> Iterator[psycopg.Connection]:
    """A superuser's connection, to read rows and to plant faults."""
    with psycopg.connect(platform_db.superuser_dsn, autocommit=True) as connection:
        yield connection


@pytest.fixture
def operator(platform_db: TestDatabase) -> Iterator[psycopg.Connection]:
    """A connection of the operators' role, which holds fencing token 1."""
    with psycopg.connect(platform_db.dsn("rubyops_ops"), autocommit=True) as connection:
        connection.execute("SELECT wallet.advance_fence(1)")
        yield connection


class Player:
    """A registered canary player in EUR. Each of the player's commands gets the next request id."""

    def __init__(self, money: Money) -> None:
        """Register the player under a new brand."""
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
        **reads: Any,
    ) -> tuple[int, dict[str, Any]]:
        """Perform one command with the given request id, or the next one."""
        self.count += 1
        name = request_id or f"request-{self.count}"
        transaction_id: UUID = uuid5(self.player_id, f"{rule.__name__} {name}")
        request = Request(
            self.brand_id,
            self.player_id,
            "test",
            rule.__name__,
            name,
            fingerprint,
            transaction_id,
            canary_token,
        )
        status, answer = self.money.perform(
            request, Reads(**reads), lambda state, pair: rule(request, command, state, pair)
        )
        return status, dict(answer)


@pytest.fixture
def player(wallet: Database) -> Player:
    """A new player without money."""
    return Player(money_of(wallet))


@pytest.fixture
def old_month(look: psycopg.Connection, player: Player) -> Iterator[str]:
    """The partition of a closed month, with 50 ledger rows that a superuser copied there."""
    look.execute(
        "CREATE TABLE wallet.wallet_ledger_202401 PARTITION OF wallet.wallet_ledger"
        " FOR VALUES FROM ('2024-01-01 00:00Z') TO ('2024-02-01 00:00Z')"
    )
    look.execute("ALTER TABLE wallet.wallet_ledger_202401 OWNER TO wallet_owner")
    look.execute("SELECT wallet.make_immutable('wallet.wallet_ledger_202401')")
    look.execute("GRANT SELECT ON wallet.wallet_ledger_202401 TO wallet_service")
    player.perform(cash.deposit, cash.Deposit(10_000, "EUR", "SPORTS_NORMAL"))
    look.execute(
        """
        INSERT INTO wallet.wallet_ledger (brand_id, player_id, account, version, delta,
               balance_after, currency, command, request_id, transaction_id, topology_code,
               topology_version, policy_key, policy_version, restore_epoch, previous_hash, hash,
               created_at)
        SELECT gen_random_uuid(), gen_random_uuid(), account, v, 10, v * 10, currency, command,
               'old-' || v, gen_random_uuid(), topology_code, topology_version, policy_key,
               policy_version, 0, '', sha256(v::text::bytea), '2024-01-15 12:00Z'
          FROM wallet.wallet_ledger, generate_series(1, 50) v WHERE account LIKE '%NORMAL'
        """
    )
    yield "wallet_ledger_202401"


def turn_over(look: psycopg.Connection) -> None:
    """Set all open turnover to zero, as if enough bets were settled."""
    look.execute("UPDATE wallet.wallet_turnover SET open = 0, seal = seal || '{\"open\": 0}'")


def await_all_older(look: psycopg.Connection) -> None:
    """Wait until all transactions that have started so far have ended.

    A walk's mark stops before the oldest open transaction. Tests on the same server may hold one
    open.
    """
    written = look.execute("SELECT pg_current_xact_id()::text").fetchone()
    older = b"SELECT pg_snapshot_xmin(pg_current_snapshot()) > %s::xid8"
    await_until(lambda: look.execute(older, written).fetchone() == (True,), 60)
