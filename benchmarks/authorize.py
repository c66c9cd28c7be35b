"""A bet authorization against pgbench tpcb-like: its SQL alone, and the whole store path from Python (read, rules, apply).

python -m benchmarks.authorize [--rounds 10] [--seconds 5] [--clients 8] [--players 1000]
"""

import argparse
import hashlib
import multiprocessing
import time
from functools import partial
from pathlib import Path
from uuid import UUID, uuid4

from benchmarks.bench import REFERENCE, Bench, compare, server
from wallet_runtime.plumbing.database import Database
from wallet_runtime.wallet.domain import bets, cash
from wallet_runtime.wallet.domain.state import Request
from wallet_runtime.wallet.store.documents import Documents, PairWish
from wallet_runtime.wallet.store.money import Money, money_of

SCALE = 50
SCRIPT = Path(__file__).with_name("authorize.sql")
BRAND = UUID(hashlib.md5(b"brand", usedforsecurity=False).hexdigest())


def player(number: int) -> UUID:
    """Return the id that the SQL script gives this player."""
    return UUID(hashlib.md5(f"player {number}".encode(), usedforsecurity=False).hexdigest())


def prepare(bench: Bench, players: int) -> None:
    """Activate the split topology and give every player money to stake."""
    database = Database(bench.dsn(), "bench", pool_max=1).open()
    documents = Documents(database)
    documents.seed("RUBY_SPLIT_V1", "bench")
    documents.activate(PairWish("RUBY_SPLIT_V1", 1, "default", 1, None, None, "bench", "activate"))
    money = money_of(database)
    for number in range(1, players + 1):
        money.register(BRAND, player(number), "EUR", False)
        perform(money, player(number), cash.Deposit(100_000_000, "EUR", "SPORTS_NORMAL"), cash.deposit, {})
    database.close()


def perform(money: Money, player_id: UUID, command: object, rule: object, reads: dict[str, str]) -> int:
    """Perform one command under a new request id and return its status."""
    transaction_id = uuid4()
    request = Request(BRAND, player_id, "game_service", "authorize", str(transaction_id), "ab", transaction_id)
    return money.perform(request, reads, lambda state, pair: rule(request, command, state, pair))[0]  # type: ignore[operator]


def authorize_for(seconds: float, players: int, dsn: str, worker: int) -> int:
    """Authorize bets of random players in one process and return how many were accepted."""
    database = Database(dsn, f"bench-{worker}", pool_max=1).open()
    money = money_of(database)
    done, number = 0, worker * 7919
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        number = (number * 48271 + worker + 1) % 2147483647
        bet = str(uuid4())
        command = bets.Authorize("mocksports", "SPORTS", bet, "round", 10, "EUR")
        reads = {"provider_id": "mocksports", "bet_id": bet}
        done += perform(money, player(1 + number % players), command, bets.authorize, reads) == 200
    database.close()
    return done


def store_path(bench: Bench, seconds: float, clients: int, players: int) -> float:
    """Run the store path in `clients` processes and return authorizations a second."""
    with multiprocessing.Pool(clients) as pool:
        pool.map(partial(authorize_for, 0.2, players, bench.dsn()), range(clients))
        began = time.monotonic()
        done = sum(pool.map(partial(authorize_for, seconds, players, bench.dsn()), range(clients), chunksize=1))
        return done / (time.monotonic() - began)


def main() -> None:
    """Print the ratios of both comparisons."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, value in (("rounds", 10), ("seconds", 5), ("clients", 8), ("players", 1000)):
        parser.add_argument(f"--{name}", type=int, default=value)
    asked = parser.parse_args()
    with server(SCALE) as bench:
        prepare(bench, asked.players)
        common = ["-n", "-T", str(asked.seconds), "-c", str(asked.clients), "-j", "2", "-M", "prepared"]

        def reference() -> float:
            return bench.pgbench("-b", "tpcb-like", *common, database=REFERENCE)

        def sql_alone() -> float:
            return bench.pgbench("-f", str(SCRIPT), "-D", f"share={asked.players // asked.clients}", *common, database="ruby")

        compare("authorize, SQL by pgbench", asked.rounds, reference, sql_alone)

        def whole_path() -> float:
            return store_path(bench, asked.seconds, asked.clients, asked.players)

        compare("authorize, store path from Python", asked.rounds, reference, whole_path)


if __name__ == "__main__":
    main()
