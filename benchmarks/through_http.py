"""Measures bets through a real wallet_service over HTTP.

It prints the rate against the store path, and the CPU time of one bet in four parts.

python -m benchmarks.through_http [--rounds 10] [--seconds 5] [--clients 8] [--players 1000]

`database` is the time of the PostgreSQL processes. `rules` is the decision alone, measured in the
process of this script. `store` is the store path without the decision, measured there, too. `web`
is the rest of the service's process: HTTP, authentication, validation and threads.
"""

import argparse
import http.client
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import Pool
from pathlib import Path
from uuid import uuid4

import msgspec

from benchmarks import play
from benchmarks.bench import CONTROL, Bench, compare, server
from rubyops.adapters.local.ports import PortBook
from wallet_runtime.contract.headers import (
    BRAND_HEADER,
    CALLER_HEADER,
    REQUEST_ID_HEADER,
    TOKEN_HEADER,
)
from wallet_runtime.contract.processes import CALLERS, GAME_SERVICE, PROCESSES, WALLET_SERVICE
from wallet_runtime.contract.secrets import HOLDERS, token
from wallet_runtime.wallet.domain import bets
from wallet_runtime.wallet.domain.state import State

SCALE = 1
TOKEN = "token-of-the-bench"
START_SECONDS_MAX = 20.0
TICKS = os.sysconf("SC_CLK_TCK")


@contextmanager
def service(bench: Bench) -> Iterator[tuple[int, int]]:
    """Start wallet_service on the databases of the benchmark. Yield its port and process id."""
    port = PortBook(bench.postgres.data.parent / "ports.json").usable("wallet_service")
    held = [name for name, holders in HOLDERS.items() if WALLET_SERVICE in holders]
    secrets = {name: f"{TOKEN}-{name}" for name in held}
    tokens = {token(caller): f"{TOKEN}-{caller}" for caller in CALLERS}
    urls = {f"{name.upper()}_URL": "http://127.0.0.1:1" for name in PROCESSES}
    more = {"ENVIRONMENT": "bench", "PORT": str(port), "MULTI_BRAND_ENFORCEMENT": "enforce"}
    databases = {
        "DATABASE_URL": bench.dsn(),
        "CONTROL_DATABASE_URL": bench.dsn(CONTROL),
        "REDIS_URL": "redis://127.0.0.1:1/0",
    }
    command = [sys.executable, "-m", "wallet_runtime", WALLET_SERVICE]
    process = subprocess.Popen(
        command,
        env={**os.environ, **secrets, **tokens, **urls, **more, **databases},
        stdout=subprocess.DEVNULL,
    )
    try:
        _await(port)
        yield port, process.pid
    finally:
        process.terminate()
        process.wait(15)


def _await(port: int) -> None:
    until = time.monotonic() + START_SECONDS_MAX
    while time.monotonic() < until:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
        try:
            if _bet(connection, 0) == 200:
                return
        except OSError:
            pass
        finally:
            connection.close()
        time.sleep(0.2)
    sys.exit("wallet_service took no bet in time")


def _bet(connection: http.client.HTTPConnection, number: int) -> int:
    name = str(uuid4())
    body = {
        "player_id": str(play.player_id(number)),
        "provider_id": "mocksports",
        "provider_type": "SPORTS",
        "bet_id": name,
    }
    headers = {
        "Content-Type": "application/json",
        CALLER_HEADER: GAME_SERVICE,
        TOKEN_HEADER: f"{TOKEN}-{GAME_SERVICE}",
        BRAND_HEADER: str(play.BRAND),
        REQUEST_ID_HEADER: name,
    }
    connection.request(
        "POST",
        play.ROUTE,
        json.dumps(body | {"round_id": "r", "amount": "0.10", "currency": "EUR"}),
        headers,
    )
    answer = connection.getresponse()
    answer.read()
    return answer.status


def _client(port: int, players: int, clients: int, client: int, seconds: float) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    share, done, number = max(1, players // clients), 0, client * 7919 + 1
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        number = number * 48271 % 2147483647
        done += _bet(connection, (client * share + number % share) % players) == 200
    connection.close()
    return done


def spent(process: int) -> float:
    """Return the CPU seconds that a process has used so far."""
    fields = Path(f"/proc/{process}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def backends(bench: Bench) -> float:
    """Return the CPU seconds that the running PostgreSQL processes have used so far."""
    postmaster = int(
        (bench.postgres.data / "postmaster.pid").read_text(encoding="ascii").splitlines()[0]
    )
    children = (
        Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text(encoding="ascii").split()
    )
    return spent(postmaster) + sum(spent(int(child)) for child in children)


def of_python(bench: Bench, count: int) -> tuple[float, float]:
    """Return the CPU seconds of one bet's decision, and of its store path without the decision.

    Both are averages over `count` bets in this process.
    """
    read = play.sent(bench).read
    with play.opened(bench.dsn()) as money:
        with money.database.session() as session:
            row = session.one("wallet_read_state", command=read)
            state = msgspec.json.decode(row["state"], type=State)
            pair = money.decide(
                session,
                state,
                lambda _, active: active,  # type: ignore[arg-type, return-value]
            )
        request = play.named(0, "rule")
        command = bets.Authorize("mocksports", "SPORTS", "b", "round", 10, "EUR")
        began = time.process_time()
        for _ in range(count):
            bets.authorize(request, command, state, pair)  # type: ignore[arg-type]
        rule = (time.process_time() - began) / count
        began = time.process_time()
        for number in range(count):
            play.single(money, number % 10)
        return rule, max(0.0, (time.process_time() - began) / count - rule)


def main() -> None:
    """Print the rate against the store path, and the CPU time of one bet in its four parts."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, value in (("rounds", 10), ("seconds", 5), ("clients", 8), ("players", 1000)):
        parser.add_argument(f"--{name}", type=int, default=value)
    asked = parser.parse_args()
    splits: list[tuple[float, float]] = []
    with server(SCALE) as bench:
        play.prepare(bench, asked.players)
        with service(bench) as (port, process), Pool(asked.clients) as pool:

            def through() -> float:
                before, began = (spent(process), backends(bench)), time.monotonic()
                wanted = [
                    (port, asked.players, asked.clients, client, asked.seconds)
                    for client in range(asked.clients)
                ]
                done = sum(pool.starmap(_client, wanted, chunksize=1))
                seconds = time.monotonic() - began
                splits.append(
                    ((spent(process) - before[0]) / done, (backends(bench) - before[1]) / done)
                )
                return done / seconds

            def path() -> float:
                return play.played(bench, play.single, asked.seconds, asked.clients, asked.players)

            compare(
                "bets through HTTP to one wallet_service, against the store path",
                asked.rounds,
                path,
                through,
            )
        rule, store = of_python(bench, 1000)
    whole, database = (statistics.median(column) for column in zip(*splits, strict=True))
    parts = {
        "web": max(0.0, whole - rule - store),
        "store": store,
        "rules": rule,
        "database": database,
    }
    total = sum(parts.values())
    shares = ", ".join(
        f"{name} {seconds * 1e6:,.0f} us ({seconds / total:.0%})" for name, seconds in parts.items()
    )
    print(f"CPU of one bet through HTTP: {total * 1e6:,.0f} us, of which {shares}", flush=True)


if __name__ == "__main__":
    main()
