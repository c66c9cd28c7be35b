"""Players for the benchmarks, and one bet as a Python command or as a pgbench script.

A pgbench script uses the statements and parameters that the store path sends for one bet. It only
replaces the ids, because each bet needs new ones.
"""

import functools
import json
import re
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import Pool
from pathlib import Path
from typing import NamedTuple
from uuid import UUID, uuid4

import msgspec

from benchmarks.bench import Bench
from sql import query
from wallet_runtime.plumbing.errors import ServiceBusy
from wallet_runtime.plumbing.runtime.database import Database
from wallet_runtime.wallet.domain import bets, cash
from wallet_runtime.wallet.domain.reads import Reads
from wallet_runtime.wallet.domain.state import Request, State
from wallet_runtime.wallet.store.activation import ActivationRequest
from wallet_runtime.wallet.store.batch import COMMANDS_MAX, BatchItem, perform_many
from wallet_runtime.wallet.store.command import (
    Parameter,
    command_of,
    encoded,
    parameters,
    state_wanted,
)
from wallet_runtime.wallet.store.documents import Documents
from wallet_runtime.wallet.store.money import Money, money_of

BRAND = UUID("0f8fad5b-d9cb-469f-a165-70867728950e")
ROUTE = "/internal/wallet/v2/bets/authorize"
FIRST_PLAYER = 100_000_000_001
PLAYERS_PREFIX = "00000000-0000-4000-8000-"
SAMPLE_ID = "5a3dfa54-0000-4000-8000-000000000000"
DEPOSIT = cash.Deposit(100_000_000, "EUR", "SPORTS_NORMAL")
PGBENCH_SETS = (
    "\\set n {first} + :client_id * :share + random(0, :share - 1)",
    "\\set a random(10000000, 99999999)",
    "\\set d random(100000000000, 999999999999)",
)
ID = ":a::text || '-0000-4000-8000-' || :d::text"
WARM_SECONDS = 1.5
BETS_BEFORE = 20
Turn = Callable[[Money, int], int]


def player_id(number: int) -> UUID:
    """Return the id of the player with this number, counted from 0.

    The pgbench scripts build the same ids.
    """
    return UUID(f"{PLAYERS_PREFIX}{FIRST_PLAYER + number}")


def prepare(bench: Bench, players: int) -> None:
    """Activate the split topology, and give every player a deposit and some bets.

    Without the bets, PostgreSQL would plan its statements for empty tables and keep these plans.
    """
    with opened(bench.dsn()) as money:
        documents = Documents(money.database)
        documents.seed("RUBY_SPLIT_V1", "bench")
        documents.activate(
            ActivationRequest("RUBY_SPLIT_V1", 1, "default", 1, None, None, "bench", "activate")
        )
        for number in range(players):
            money.register(BRAND, player_id(number), "EUR", False)
            request = named(number, "deposit")
            assert (
                money.perform(
                    request,
                    Reads(),
                    functools.partial(cash.deposit, request, DEPOSIT),
                )[0]
                == 200
            )
        for first in range(0, players * BETS_BEFORE, COMMANDS_MAX):
            batch(COMMANDS_MAX, players, money, first)
    # pgbench does the same with its own tables.
    bench.execute("VACUUM ANALYZE")


@contextmanager
def opened(dsn: str) -> Iterator[Money]:
    """Open a wallet store that uses one connection."""
    database = Database(dsn, "bench", pool_max=1).open()
    try:
        yield money_of(database)
    finally:
        database.close()


def named(number: int, name: str) -> Request:
    """Build a request of game_service for this player, with a new request id."""
    transaction = uuid4()
    return Request(
        BRAND,
        player_id(number),
        "game_service",
        ROUTE,
        f"{name}-{transaction}",
        "ab" * 32,
        transaction,
    )


def bet(number: int) -> BatchItem:
    """Build an authorization of a new bet for this player."""
    request = named(number, "bet")
    command = bets.Authorize(
        "mocksports", "SPORTS", str(request.transaction_id), "round", 10, "EUR"
    )
    reads = bets.authorize_reads(command)
    return BatchItem(
        request, reads, lambda state, pair: bets.authorize(request, command, state, pair)
    )


def single(money: Money, number: int) -> int:
    """Authorize one bet. Return 1 if it was accepted, and 0 if not or if the wallet was busy."""
    item = bet(number)
    try:
        return int(money.perform(item.request, item.reads, item.decide)[0] == 200)
    except ServiceBusy:
        return 0


def batch(size: int, players: int, money: Money, number: int) -> int:
    """Authorize bets of `size` players in one batch. Return the number of accepted bets."""
    results = perform_many(money, [bet((number + step) % players) for step in range(size)])
    return sum(isinstance(result, tuple) and result[0] == 200 for result in results)


def played(bench: Bench, turn: Turn, seconds: float, clients: int, players: int) -> float:
    """Place bets from `clients` processes. Return accepted bets per second.

    Each process has its own players, unless there are fewer players than processes. The first
    WARM_SECONDS are not measured, because pgbench does not measure the time to connect, either.
    """
    with Pool(clients) as pool:
        play = functools.partial(
            _play, turn, players, bench.dsn(), clients, time.monotonic() + WARM_SECONDS, seconds
        )
        return sum(pool.map(play, range(clients), chunksize=1)) / seconds


def _play(
    turn: Turn, players: int, dsn: str, clients: int, begins: float, seconds: float, client: int
) -> int:
    share = max(1, players // clients)
    done, number = 0, client * 7919 + 1
    with opened(dsn) as money:
        # The monotonic clock is the same in all processes, so they begin and end together.
        while (now := time.monotonic()) < begins + seconds:
            number = number * 48271 % 2147483647
            played = turn(money, (client * share + number % share) % players)
            done += played if now >= begins else 0
    return done


class Sent(NamedTuple):
    """The parameters of the two statements that the service sends for one authorization.

    `read` is the JSON text for `wallet_read_state`; `apply` is for `wallet_apply_command`.
    """

    read: str
    apply: dict[str, Parameter]


def sent(bench: Bench) -> Sent:
    """Decide one authorization in the same way as the service, with sample ids."""
    with opened(bench.dsn()) as money, money.database.session() as session:
        transaction = UUID(SAMPLE_ID)
        request = Request(
            BRAND, player_id(0), "game_service", ROUTE, SAMPLE_ID, "ab" * 32, transaction
        )
        command = bets.Authorize("mocksports", "SPORTS", SAMPLE_ID, "round", 10, "EUR")
        payload = state_wanted(request, bets.authorize_reads(command))
        row = session.one("wallet_read_state", command=encoded(payload))
        state = msgspec.json.decode(row["state"], type=State)
        decision = money.decide(
            session, state, lambda seen, pair: bets.authorize(request, command, seen, pair)
        )
        return Sent(encoded(payload), parameters(command_of(request, state, decision)))


def variables(told: Sent) -> dict[str, str]:
    """Return the parameters as variables of pgbench, by name.

    pgbench then sends them with every statement, as the service does.
    """
    return {f"p_{name}": str(value) for name, value in told.apply.items() if value is not None}


def read_in_sql(told: Sent) -> str:
    """Return the parameter of the read as an SQL expression with pgbench's variables."""
    # json.dumps puts a space after each colon. Otherwise pgbench would take `:true` for a variable.
    quoted = "'" + json.dumps(json.loads(told.read)).replace("'", "''") + "'"
    named = quoted.replace(str(player_id(0)), f"{PLAYERS_PREFIX}' || :n::text || '")
    return f"replace({named}, '{SAMPLE_ID}', {ID})::jsonb"


def apply_in_sql(told: Sent, call: str = "wallet.apply_command(") -> str:
    """Return the statement that applies the bet, with pgbench's variables for its parameters."""
    return re.sub(
        r"%\((\w+)\)s",
        lambda found: _parameter(found[1], told.apply[found[1]]),
        query("wallet_apply_command"),
    ).replace("wallet.apply_command(", call)


def _parameter(name: str, value: object) -> str:
    if name == "player_id":
        return f"'{PLAYERS_PREFIX}' || :n::text"
    if name == "player_version":
        return ":version"
    if value is None:
        return "NULL"
    if SAMPLE_ID not in str(value):
        return f":p_{name}"
    return ID if str(value) == SAMPLE_ID else f"replace(:p_{name}, '{SAMPLE_ID}', {ID})"


def script(bench: Bench, *statements: str) -> Path:
    """Write a pgbench script. Each transaction picks a player and a new id for the statements."""
    return _write(bench, *_sets(), *statements)


def two_trips(bench: Bench, told: Sent) -> Path:
    """Write the script of a bet whose player is not in the cache: one read, then one apply."""
    return script(bench, _read(told), _apply(told))


def session(bench: Bench, told: Sent, bets_each: int) -> Path:
    """Write the script of players who bet `bets_each` times in a row.

    Each transaction is one bet, and only a player's first bet reads the state. For later bets the
    pgbench client keeps the version in a variable, as wallet_service keeps the state in its cache.
    """
    player, *ids = _sets()
    turn = f"\\set turn (:turn + 1) % {bets_each}"
    first = (turn, "\\if :turn = 0", player, *ids, _read(told), "\\endif")
    return _write(bench, *first, *ids, _apply(told), "\\set version :version + 1")


def _sets() -> list[str]:
    return [line.format(first=FIRST_PLAYER) if "{first}" in line else line for line in PGBENCH_SETS]


def _read(told: Sent) -> str:
    read = f"wallet.read_state({read_in_sql(told)}) s"
    return f"SELECT s->'player'->>'version' AS version, s::text AS state FROM {read} \\gset"


def _apply(told: Sent) -> str:
    return f"{apply_in_sql(told)};"


def _write(bench: Bench, *lines: str) -> Path:
    with tempfile.NamedTemporaryFile(
        "w", suffix=".sql", dir=bench.postgres.data.parent, delete=False
    ) as file:
        file.write("\n".join(lines) + "\n")
    return Path(file.name)
