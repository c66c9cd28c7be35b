"""The round trips and function calls of a command, counted on the connection and by PostgreSQL."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import msgspec
import psycopg
import pytest

from tests.cluster import TestDatabase
from tests.wallet_runtime.serving import await_until
from tests.wallet_runtime.wallet.conftest import Player
from tests.wallet_runtime.wallet.pairs import activate_split
from tests.wallet_runtime.wallet.test_batch import bet, result
from wallet_runtime.plumbing.runtime.database import Database
from wallet_runtime.wallet.domain import bets, cash
from wallet_runtime.wallet.store.batch import perform_many
from wallet_runtime.wallet.store.money import money_of

AUTHORIZE = bets.Authorize("mocksports", "SPORTS", "b2", "r", 100, "EUR")
READS = {"provider_id": "mocksports", "bet_id": "b2"}
SESSIONS = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name"
    " = 'wallet-test'"
)
CALLS = (
    "SELECT funcname, calls FROM pg_stat_user_functions WHERE schemaname = 'wallet' AND calls > 0"
    " ORDER BY 1"
)


@pytest.fixture
def wallet(platform_db: TestDatabase, look: psycopg.Connection) -> Iterator[Database]:
    """A wallet database with one connection, on which PostgreSQL counts function calls."""
    look.execute(f"ALTER DATABASE {look.info.dbname} SET track_functions = 'all'".encode())
    database = Database(platform_db.dsn("wallet_service"), "wallet-test", pool_max=1).open()
    activate_split(database)
    yield database
    database.close()


@pytest.fixture
def warm(player: Player) -> Player:
    """A player with money, on a connection that has run each kind of command.

    The service has then read the documents, and the statements are prepared.
    """
    player.perform(cash.deposit, cash.Deposit(10_000, "EUR", "SPORTS_NORMAL"))
    play(player, "b1")
    perform_many(player.money, [bet(player, "warm")])
    return player


def play(player: Player, name: str) -> None:
    """Authorize and settle one bet."""
    reads = {"provider_id": "mocksports", "bet_id": name}
    command = bets.Authorize("mocksports", "SPORTS", name, "r", 100, "EUR")
    assert player.perform(bets.authorize, command, **reads, without_debts=True)[0] == 200
    assert player.perform(bets.settle, bets.Settle("mocksports", name, "3.00"), **reads)[0] == 200


@contextmanager
def counted(wallet: Database) -> Iterator[Callable[[], int]]:
    """Count round trips: the client ends each with one Sync message."""
    with tempfile.NamedTemporaryFile("w+") as file:
        with wallet.session() as session:
            connection = cast(Any, session)._connection
        connection.pgconn.trace(file.fileno())
        try:
            yield lambda: sum(
                "\tF\t" in line and "\tSync" in line
                for line in Path(file.name).read_text(encoding="utf-8").splitlines()
            )
        finally:
            connection.pgconn.untrace()


def test_a_command_is_two_round_trips_and_a_repeat_one(wallet: Database, warm: Player) -> None:
    with counted(wallet) as trips:
        warm.perform(bets.authorize, AUTHORIZE, request_id="a", **READS)
        assert trips() == 2
        warm.perform(bets.authorize, AUTHORIZE, request_id="a", **READS)
        assert trips() == 3
        warm.perform(bets.settle, bets.Settle("mocksports", "b2", "3.00"), **READS, with_locks=True)
        assert trips() == 5
        warm.perform(bets.authorize, AUTHORIZE, request_id="b", **READS)
        assert trips() == 7, "a refusal is stored, so it costs what the bet would have"


def test_a_bet_of_a_player_whom_this_copy_served_last_is_one_round_trip(
    wallet: Database, warm: Player
) -> None:
    new: dict[str, Any] = {**READS, "without_debts": True}
    warm.perform(
        bets.authorize, msgspec.structs.replace(AUTHORIZE, bet_id="b3"), **{**new, "bet_id": "b3"}
    )
    with counted(wallet) as trips:
        warm.perform(bets.authorize, AUTHORIZE, request_id="a", **new)
        assert trips() == 1
        warm.perform(bets.authorize, AUTHORIZE, request_id="a", **new)
        assert trips() == 3, "a repeat of it is tried before it is read"
        warm.perform(bets.settle, bets.Settle("mocksports", "b2", "3.00"), **READS, with_locks=True)
        assert trips() == 5
        warm.perform(bets.authorize, AUTHORIZE, request_id="b", **new)
        assert trips() == 8, "the bet is there already: tried, read, and the refusal stored"


def test_a_batch_is_two_round_trips_for_all_its_players(wallet: Database, warm: Player) -> None:
    others = [Player(warm.money) for _ in range(3)]
    with counted(wallet) as trips:
        perform_many(warm.money, [bet(player, "b3") for player in (warm, *others)])
        assert trips() == 2
        perform_many(warm.money, [result(warm, "b3"), bet(warm, "b4"), bet(others[0], "b4")])
        assert trips() == 6, "two commands of one player are two turns"


def test_a_bet_calls_no_function_that_it_does_not_need(
    wallet: Database, warm: Player, look: psycopg.Connection
) -> None:
    wallet.close()
    # A session reports its counts when it ends, a moment after the client has closed it.
    await_until(lambda: look.execute(SESSIONS).fetchone() == (0,))
    look.execute("SELECT pg_stat_force_next_flush()")
    look.execute("SELECT pg_stat_reset()")
    again = Database(cast(Any, wallet)._pool.conninfo, "wallet-test", pool_max=1).open()
    warm.money = money_of(again)
    warm.perform(bets.authorize, AUTHORIZE, **READS, without_debts=True)
    again.close()
    await_until(lambda: look.execute(SESSIONS).fetchone() == (0,))
    look.execute("SELECT pg_stat_clear_snapshot()")
    assert dict(look.execute(CALLS).fetchall()) == {
        "read_state": 1,
        "read_bet": 1,
        "apply_command": 1,
        "move_legs": 1,
        "put_authorization": 1,
    }
