"""Each committed event is applied once within a minute, whatever data Redis loses.

Real workers run against a Redis server that is flushed, killed, emptied or trimmed, or that loses a
consumer group or entries. The loss comes under load or while a worker is stopped. The turnover must
stay exact.

The test run plays four seeds, `RUBYOPS_LOST=12` the first twelve and `RUBYOPS_LOST=all` 100.
`RUBYOPS_REDIS_SERVER` names another server program.
"""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest
import redis

from tests.alone import taking_ports
from tests.cluster import Cluster, TestDatabase
from tests.wallet_runtime.broker import Broker
from tests.wallet_runtime.events import Outbox, Player
from tests.wallet_runtime.serving import REPOSITORY, await_until, environment_for, free_port
from wallet_runtime.contract.events import PARTITIONS, ROLLING_GROUP
from wallet_runtime.contract.processes import ROLLING_WORKER, WALLET_WORKER
from wallet_runtime.plumbing.events.streams import wallet_stream

pytestmark = [pytest.mark.slow, pytest.mark.fault]
SEEDS_MAX, SEEDS_IN_CI = 100, 4
SECONDS_MAX = 60.0
STREAMS = tuple(wallet_stream(number) for number in range(PARTITIONS))
GROUP = ROLLING_GROUP
LOSSES = ("flushed", "group deleted", "killed", "emptied", "trimmed", "entries deleted")
SITUATIONS = ("under load", "worker stopped")
ENOUGH = 10**12  # too much to complete, since no wallet_service runs
APPLIED = "SELECT count(*) FROM rolling.rolling_inbox WHERE brand_id = %s"
TURNOVER = "SELECT player_id, turnover FROM rolling.player_rolling WHERE brand_id = %s"
RESENT = "SELECT coalesce(sum(resends), 0) FROM wallet.wallet_outbox WHERE brand_id = %s"
TROUBLE = "SELECT count(*) FROM rolling.rolling_dead_letter"


def seeds() -> range:
    asked = os.environ.get("RUBYOPS_LOST", str(SEEDS_IN_CI))
    return range(SEEDS_MAX if asked == "all" else int(asked))


@dataclass
class Stage:
    """wallet_worker and rolling_worker as processes, their databases, and a Redis server."""

    database: TestDatabase
    control: TestDatabase
    broker: Broker
    folder: Path
    look: psycopg.Connection[Any]
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    ports: dict[str, int] = field(default_factory=dict)

    def start(self, process: str) -> None:
        """Start a worker without waiting until it is ready."""
        self.ports[process] = free_port()
        urls = (self.database.dsn(process), self.control.dsn(process))
        environment = environment_for(
            process, self.ports[process], *urls, REDIS_URL=self.broker.url
        )
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        with (self.folder / f"{process}.log").open("ab") as log:
            self.running[process] = subprocess.Popen(
                [sys.executable, "-m", "wallet_runtime", process],
                cwd=REPOSITORY,
                env={**kept, **environment},
                stdout=log,
                stderr=log,
            )

    def stop(self, process: str) -> None:
        """Kill a worker and wait for its end."""
        self.running[process].kill()
        self.running.pop(process).wait()

    def stop_all(self) -> None:
        """Kill both workers."""
        for process in list(self.running):
            self.stop(process)

    def is_green(self) -> bool:
        """Return whether both workers report the status "ok"."""
        return all(self._status(port) == "ok" for port in self.ports.values())

    def value(self, statement: str, *values: object) -> int:
        """Return the only number of a statement's only row."""
        return int(self.look.execute(statement.encode(), values).fetchall()[0][0])

    @staticmethod
    def _status(port: int) -> str:
        try:
            return str(httpx.get(f"http://127.0.0.1:{port}/health", timeout=5).json()["status"])
        except httpx.TransportError:
            return "no answer"


@pytest.fixture(scope="module")
def stage(control_template: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("losses")
    with ExitStack() as stack:
        databases = [
            stack.enter_context(control_template.database(which))
            for which in ("platform", "control")
        ]
        look = stack.enter_context(psycopg.connect(databases[0].superuser_dsn, autocommit=True))
        with taking_ports():
            broker = Broker(folder / "redis", free_port())
        stack.callback(broker.kill)
        live = Stage(databases[0], databases[1], broker, folder, look)
        stack.callback(live.stop_all)
        for process in (WALLET_WORKER, ROLLING_WORKER):
            live.start(process)
        await_until(live.is_green, 60)
        yield live


class Load:
    """A thread that writes events of new players, and knows the turnover that they must count."""

    def __init__(self, database: TestDatabase, dice: random.Random) -> None:
        """Start the thread under a new brand."""
        self.brand = uuid4()
        self.turnover: dict[UUID, int] = {}
        self.events = 0
        self._dice = dice
        self._players = [Player(number % PARTITIONS, brand_id=self.brand) for number in range(12)]
        self._bets: dict[UUID, list[tuple[str, int]]] = {}
        self._dsn = database.superuser_dsn
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._write, name="load")
        self._thread.start()

    def end(self) -> None:
        """Stop the thread and wait for its end."""
        self._ending.set()
        self._thread.join(30)
        assert not self._thread.is_alive()

    def _write(self) -> None:
        with psycopg.connect(self._dsn, autocommit=True) as connection:
            outbox = Outbox(connection)
            while not self._ending.is_set():
                self._event(outbox, self._dice.choice(self._players))
                self.events += 1
                time.sleep(0.002)

    def _event(self, outbox: Outbox, player: Player) -> None:
        """Write one event of the player.

        Bets that are settled before the player has a rolling count no turnover.
        """
        has_rolling, bets = (
            player.player_id in self.turnover,
            self._bets.setdefault(player.player_id, []),
        )
        what = self._dice.random()
        if not has_rolling and what < 0.4:
            outbox.require(player, ENOUGH)
            self.turnover[player.player_id] = 0
        elif bets and what > 0.8:
            authorization_id, counted = bets.pop()
            outbox.roll_back(player, authorization_id)
            if has_rolling:
                self.turnover[player.player_id] -= counted
        else:
            stake = self._dice.randint(1, 1000)
            bets.append((outbox.settle(player, stake), stake if has_rolling else 0))
            if has_rolling:
                self.turnover[player.player_id] += stake


def lose(stage: Stage, loss: str, dice: random.Random) -> None:
    """Make the server lose data in the way that `loss` names."""
    broker = stage.broker
    if loss == "flushed":
        broker.client.flushall()
    elif loss == "killed":
        size = broker.appended()
        time.sleep(1)
        broker.kill()
        broker.lose_appends_after(size)
        broker.start()
    elif loss == "emptied":
        broker.kill()
        broker.lose_everything()
        broker.start()
    else:
        for stream in STREAMS:
            # Redis refuses when an earlier loss took the stream, or when the consumer has created
            # the group again.
            with suppress(redis.ResponseError):
                _lose_of(broker.client, stream, loss, dice)


def _lose_of(client: Any, stream: str, loss: str, dice: random.Random) -> None:
    if loss == "trimmed":
        client.xtrim(stream, maxlen=dice.randint(0, 2), approximate=False)
    elif loss == "group deleted":
        client.xgroup_destroy(stream, GROUP)
        if dice.random() < 0.5:
            client.xgroup_create(stream, GROUP, id="$")
    else:
        newest = [entry_id for entry_id, _ in client.xrevrange(stream, count=20)]
        client.xdel(stream, *dice.sample(newest, min(5, len(newest))))


def forget(stage: Stage, loss: str, situation: str, dice: random.Random) -> None:
    """Make the server lose data while a worker is stopped, or while the consumer is paused."""
    if situation == "worker stopped":
        stopped = dice.choice((WALLET_WORKER, ROLLING_WORKER))
        stage.stop(stopped)
        try:
            time.sleep(dice.uniform(0.2, 0.5))
            lose(stage, loss, dice)
            time.sleep(dice.uniform(0.0, 0.3))
        finally:
            stage.start(stopped)
        return
    behind = stage.running[ROLLING_WORKER]
    behind.send_signal(signal.SIGSTOP)
    try:
        time.sleep(dice.uniform(0.1, 0.3))
        lose(stage, loss, dice)
    finally:
        behind.send_signal(signal.SIGCONT)


@pytest.mark.parametrize("seed", seeds())
def test_whatever_redis_forgets_every_event_is_applied_once(stage: Stage, seed: int) -> None:
    dice = random.Random(seed)
    loss = LOSSES[seed % len(LOSSES)]
    situation = SITUATIONS[(seed + seed // len(LOSSES)) % len(SITUATIONS)]
    load = Load(stage.database, dice)
    try:
        time.sleep(dice.uniform(0.3, 0.6))
        forget(stage, loss, situation, dice)
        time.sleep(dice.uniform(0.1, 0.4))
    finally:
        load.end()
    began = time.monotonic()
    await_until(lambda: stage.value(APPLIED, load.brand) == load.events, SECONDS_MAX)
    applied = time.monotonic() - began
    await_until(stage.is_green, SECONDS_MAX)
    resent = stage.value(RESENT, load.brand)
    played = f"seed {seed}, {stage.broker.version()}, {loss} {situation}"
    print(f"{played}: {load.events} events, {resent} sent again, applied after {applied:.1f} s")
    assert dict(stage.look.execute(TURNOVER.encode(), [load.brand]).fetchall()) == load.turnover
    assert stage.value(TROUBLE) == 0
