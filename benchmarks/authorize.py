"""Compares the rate of bet authorizations with the tpcb-like script of pgbench.

It measures the SQL alone, the store path in Python, one busy player, and batches.

python -m benchmarks.authorize [--rounds 10] [--seconds 5] [--clients 8] [--players 1000] [--only
sql,cold,path,hot,batch,trip,rules]

`trip` and `rules` measure prototypes in `one_trip.sql`, which the product does not use: a bet with
one round trip to the database instead of two, and a bet with its rule in SQL.
"""

import argparse
import functools
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks import play
from benchmarks.bench import PLATFORM, REFERENCE, Bench, compare, server

SCALE = 50
# A copy caches a player's state for a minute. A slots player places about this many bets in it.
SESSION_BETS = 20
# Variables of a pgbench client at its start. With turn -1, its first bet begins a session.
VARIABLES = {"turn": -1, "n": 0, "version": 0}
BATCH = 50
LEAST = {"sql": 0.80, "path": 0.40, "batch": 2.5}
PROTOTYPES = Path(__file__).with_name("one_trip.sql")
ONE_ROW = "UPDATE pgbench_branches SET bbalance = bbalance + 1 WHERE bid = {bid};"


class Figures:
    """The measured rates. Each method returns transactions per second, or a function that does."""

    def __init__(self, bench: Bench, asked: argparse.Namespace) -> None:
        """Install the prototypes and write the pgbench scripts."""
        self.bench, self.asked = bench, asked
        bench.execute(PROTOTYPES.read_text(encoding="utf-8"))
        told = play.sent(bench)
        self.known = VARIABLES | play.variables(told)
        self.bet, self.session = (
            play.two_trips(bench, told),
            play.session(bench, told, SESSION_BETS),
        )
        read = play.read_in_sql(told)
        self.one_trip = play.script(
            bench, f"{play.apply_in_sql(told, f'bench.one_trip({read}, ')};"
        )
        self.rules = play.script(
            bench, f"{play.apply_in_sql(told, f'bench.rules_in_sql({read}, 10, ')};"
        )

    def pgbench(self, *arguments: str, players: int = 0, database: str = PLATFORM) -> float:
        """Run pgbench with all clients, for the seconds of the options."""
        share = max(1, (players or self.asked.players) // self.asked.clients)
        common = [
            "-n",
            "-T",
            str(self.asked.seconds),
            "-c",
            str(self.asked.clients),
            "-j",
            "2",
            "-M",
            "prepared",
        ]
        known = [f"-D{name}={value}" for name, value in (self.known | {"share": share}).items()]
        return self.bench.pgbench(*common, *known, *arguments, database=database)

    def tpcb(self) -> float:
        """Run pgbench's built-in tpcb-like script."""
        return self.pgbench("-b", "tpcb-like", database=REFERENCE)

    def rows(self, bid: str) -> Callable[[], float]:
        """Update the row with this `bid`, an expression: `1` makes all clients share one row."""
        return lambda: self.pgbench(
            "-f", str(play.script(self.bench, ONE_ROW.format(bid=bid))), database=REFERENCE
        )

    def sql(self, script: Path) -> Callable[[], float]:
        """Run a pgbench script."""
        return lambda: self.pgbench("-f", str(script))

    def path(self, turn: play.Turn, players: int = 0) -> Callable[[], float]:
        """Run the store path from Python."""
        asked = self.asked
        return lambda: play.played(
            self.bench, turn, asked.seconds, asked.clients, players or asked.players
        )


Pair = tuple[str, Callable[[], float], Callable[[], float]]


def measure(figures: Figures, only: list[str]) -> bool:
    """Compare the chosen topics. Return whether every ratio with a bound reaches its bound."""
    pairs = sql_pairs(figures) | path_pairs(figures)
    good = [
        compare(name, figures.asked.rounds, reference, measured, LEAST.get(topic))
        for topic in only
        for name, reference, measured in pairs[topic]
    ]
    return all(good)


def sql_pairs(figures: Figures) -> dict[str, list[Pair]]:
    """Return the comparisons of SQL alone: a name, the reference and the measured rate."""
    session, bet = figures.sql(figures.session), figures.sql(figures.bet)
    sessions = f"authorize, SQL of sessions of {SESSION_BETS} bets, against tpcb-like"
    cold = "authorize, SQL of players who are read for every bet, against tpcb-like"
    one_trip, rules = figures.sql(figures.one_trip), figures.sql(figures.rules)
    return {
        "sql": [(sessions, figures.tpcb, session)],
        "cold": [(cold, figures.tpcb, bet)],
        "trip": [("one trip instead of two, SQL alone", bet, one_trip)],
        "rules": [("one trip with the rule in SQL, SQL alone", bet, rules)],
    }


def path_pairs(figures: Figures) -> dict[str, list[Pair]]:
    """Return the comparisons of the store path from Python: single bets, batches, one player."""
    single, one_player = figures.path(play.single), figures.path(play.single, 1)
    many = figures.path(functools.partial(play.batch, BATCH, figures.asked.players))
    spread_rows, one_row = figures.rows("1 + :client_id"), figures.rows("1")
    path = "authorize, store path from Python, against tpcb-like"
    return {
        "path": [(path, figures.tpcb, single)],
        "batch": [(f"batches of {BATCH} against single", single, many)],
        "hot": [
            ("one hot player against spread players", single, one_player),
            ("pgbench, one hot row against spread rows", spread_rows, one_row),
        ],
    }


def main() -> None:
    """Print the ratios. Exit with 1 when a ratio is below its bound."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, value in (("rounds", 10), ("seconds", 5), ("clients", 8), ("players", 1000)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--only", default="sql,cold,path,hot,batch,trip,rules")
    asked = parser.parse_args()
    with server(SCALE) as bench:
        play.prepare(bench, asked.players)
        sys.exit(0 if measure(Figures(bench, asked), asked.only.split(",")) else 1)


if __name__ == "__main__":
    main()
