"""Compares the time of a reconciliation with a plain aggregate query.

It measures a walk over versions, a walk with all hashes, and a walk after a few changes.

python -m benchmarks.reconciliation [--rounds 5] [--rows 1000000] [--accounts 20000] [--changes
1000] [--bets 100000]

The plain query sums the deltas of each account, which every reconciliation of balances must do. The
comparisons of records (ADR 18) are measured separately and have no bound. Each is measured over all
bets, and over the `--changes` bets of the present day.
"""

import argparse
import functools
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import psycopg

from benchmarks.bench import Bench, server

SCALE = 1
BARE = (
    "SELECT count(*), sum(total) FROM (SELECT sum(delta) AS total FROM wallet.wallet_ledger"
    " GROUP BY brand_id, player_id, account) a"
)
CYCLE = "SELECT drift_total, walked_total FROM wallet.walk_ledger(%s, 20)"
STATEMENTS = Path(__file__).with_name("reconciliation.sql").read_text(encoding="utf-8").split(";\n")
RECORDS = Path(__file__).with_name("records.sql").read_text(encoding="utf-8").split(";\n")
MOST = {"full": 2.0, "hashes": 5.0}
INCREMENTAL_MOST = 0.05


def prepare(connection: psycopg.Connection, rows: int, accounts: int) -> None:
    """Write valid ledger chains: the first version of every account, then the second, and so on.

    The rows of an account are then spread over the table, as in real use.
    """
    accounts_made, first_of_each, next_of_each, finish = (text.encode() for text in STATEMENTS[:4])
    connection.execute(accounts_made, {"accounts": accounts})
    connection.execute(first_of_each)
    for version in range(2, rows // accounts + 1):
        connection.execute(next_of_each, {"version": version, "limit": accounts})
    connection.execute(finish)
    connection.execute("VACUUM ANALYZE wallet.wallet_ledger")
    connection.execute("VACUUM ANALYZE wallet.wallet_bucket")


def change(connection: psycopg.Connection, version: int, changes: int) -> None:
    """Write one more ledger row for each of the first `changes` accounts."""
    _, _, next_of_each, finish = (text.encode() for text in STATEMENTS[:4])
    connection.execute(next_of_each, {"version": version, "limit": changes})
    connection.execute(finish)


def cycle(connection: psycopg.Connection, mode: str, walked: int) -> float:
    """Run one cycle and return its seconds.

    Exits if the cycle found a drift, or did not walk exactly `walked` rows.
    """
    began = time.monotonic()
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        found = connection.execute(CYCLE, [mode]).fetchone()
    seconds = time.monotonic() - began
    if found != (0, walked):
        sys.exit(f"the {mode} cycle found (drifts, rows) {found}, expected (0, {walked})")
    return seconds


def bare(connection: psycopg.Connection) -> float:
    """Run the plain aggregate query and return its seconds."""
    began = time.monotonic()
    connection.execute(BARE.encode()).fetchone()
    return time.monotonic() - began


def ratios(
    name: str, rounds: int, reference: Callable[[], float], measured: Callable[[], float]
) -> float:
    """Measure both in turn `rounds` times. Print each ratio and return the median."""
    found = []
    for number in range(rounds):
        base, value = reference(), measured()
        found.append(value / base)
        print(
            f"  {name} {number + 1}: {value:.3f} s against {base:.3f} s = {found[-1]:.3f}",
            flush=True,
        )
    median = statistics.median(found)
    print(
        f"{name}: median {median:.3f} "
        f"(spread {min(found):.3f} to {max(found):.3f}, {rounds} pairs)",
        flush=True,
    )
    return median


def records(bench: Bench, asked: argparse.Namespace) -> None:
    """Measure each comparison of records against the plain aggregate query.

    Most bets are two days old, and `--changes` bets are from today.
    """
    with psycopg.connect(bench.dsn(), autocommit=True) as connection:
        for first, last, ago in (
            (1, asked.bets, "2 days"),
            (asked.bets + 1, asked.bets + asked.changes, "0 days"),
        ):
            for statement in RECORDS:
                given = {"first": first, "last": last, "ago": ago} if "%(" in statement else None
                connection.execute(
                    (statement if given else statement.replace("%%", "%")).encode(), given
                )
        # Every comparison covers all records, as if no reconciliation had run before.
        connection.execute("UPDATE wallet.wallet_reconciliation_mark SET restore_epoch = 0")
        connection.execute("VACUUM ANALYZE")
        names = [str(name) for (name,) in connection.execute("SELECT wallet.comparisons()")]
        for name in names:
            for mode in ("full", "incremental"):
                ratios(
                    f"{name}, {mode}, against bare",
                    asked.rounds,
                    lambda: bare(connection),
                    partial(compare, connection, mode, name),
                )


def compare(connection: psycopg.Connection, mode: str, name: str) -> float:
    """Run one comparison and return its seconds. Exits if it found a difference."""
    began = time.monotonic()
    found = connection.execute(
        "SELECT count(*) FROM wallet.compare_records(%s, %s)", [mode, name]
    ).fetchone()
    if found != (0,):
        sys.exit(f"the comparison {name} found {found} records, expected none")
    return time.monotonic() - began


def measure(bench: Bench, asked: argparse.Namespace) -> bool:
    """Measure the walks. Return whether each ratio is within its bound."""
    with psycopg.connect(bench.dsn(), autocommit=True) as connection:
        prepare(connection, asked.rows, asked.accounts)
        rows, version = asked.rows // asked.accounts * asked.accounts, asked.rows // asked.accounts
        cycle(connection, "hashes", rows)
        good = [
            ratios(
                f"{mode} against bare",
                asked.rounds,
                lambda: bare(connection),
                functools.partial(cycle, connection, mode, rows),
            )
            <= most
            for mode, most in MOST.items()
        ]
        turn = [version]

        def after_changes() -> float:
            turn[0] += 1
            change(connection, turn[0], asked.changes)
            return cycle(connection, "incremental", asked.changes)

        def all_hashes() -> float:
            return cycle(connection, "hashes", rows + (turn[0] - version) * asked.changes)

        name = f"incremental after {asked.changes} changes against hashes"
        good.append(ratios(name, asked.rounds, all_hashes, after_changes) <= INCREMENTAL_MOST)
    return all(good)


def main() -> None:
    """Print the ratios. Exit with 1 when a ratio is over its bound."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, value in (
        ("rounds", 5),
        ("rows", 1_000_000),
        ("accounts", 20_000),
        ("changes", 1000),
        ("bets", 100_000),
    ):
        parser.add_argument(f"--{name}", type=int, default=value)
    asked = parser.parse_args()
    with server(SCALE) as bench:
        records(bench, asked)
    with server(SCALE) as bench:
        sys.exit(0 if measure(bench, asked) else 1)


if __name__ == "__main__":
    main()
