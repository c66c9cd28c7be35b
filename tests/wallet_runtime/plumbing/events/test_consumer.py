"""The consumer on real servers applies each event once, in order, after any crash or redelivery."""

import os
import subprocess
import sys
import threading
import time
from typing import Any

import psycopg
import pytest
import redis

from tests.cluster import TestDatabase
from tests.wallet_runtime.conftest import AsRole
from tests.wallet_runtime.events import Player
from tests.wallet_runtime.line import Line, Look
from wallet_runtime.contract.events import DEPOSIT_APPROVED, OUTBOX_CANARY, ROLLING_GROUP
from wallet_runtime.contract.variables import FAILPOINT_VARIABLE
from wallet_runtime.plumbing.events.consumer import Consumer
from wallet_runtime.plumbing.events.outbox import Publisher
from wallet_runtime.plumbing.events.streams import Streams, wallet_stream
from wallet_runtime.plumbing.runtime.database import Database
from wallet_runtime.rolling.worker.effects import SUBSCRIPTION
from wallet_runtime.wallet.worker import WALLET_OUTBOX

TURNOVER = "SELECT turnover, state FROM rolling.player_rolling WHERE rolling_id = %s"
ONE_TURN = """
import sys
from wallet_runtime.plumbing.runtime.database import Database
from wallet_runtime.plumbing.events.streams import Streams
from wallet_runtime.plumbing.events.consumer import Consumer
from wallet_runtime.rolling.worker.effects import SUBSCRIPTION
database, streams = Database(sys.argv[1], "test").open(), Streams(sys.argv[2])
Consumer(SUBSCRIPTION, database, streams, "doomed", lease_seconds=0.5).turn()
"""


def test_a_published_twice_event_changes_nothing_the_second_time(
    line: Line, look: Look, superuser: psycopg.Connection[Any]
) -> None:
    player = Player()
    rolling_id = line.wallet.require(player, 100)
    line.wallet.settle(player, 10)
    line.run()
    for _ in range(2):
        superuser.execute("UPDATE wallet.wallet_outbox SET published_at = NULL")
        line.run()
    assert look(TURNOVER, rolling_id) == [(10, "ACTIVE")]
    assert look("SELECT count(*) FROM rolling.rolling_inbox") == [(2,)]


@pytest.mark.parametrize("point", ["rolling.before_commit", "rolling.before_ack"])
def test_a_consumer_killed_around_its_commit_applies_once(
    point: str, line: Line, look: Look, platform_db: TestDatabase, redis_url: str
) -> None:
    player = Player()
    rolling_id = line.wallet.require(player, 100)
    line.wallet.settle(player, 10)
    line.publish()
    environ = {**os.environ, FAILPOINT_VARIABLE: point}
    command = [sys.executable, "-c", ONE_TURN, platform_db.dsn("rolling_worker"), redis_url]
    assert subprocess.run(command, env=environ, check=False, timeout=30).returncode == -9
    time.sleep(0.6)
    line.run()
    assert look(TURNOVER, rolling_id) == [(10, "ACTIVE")]
    with redis.Redis.from_url(redis_url) as server:
        assert server.xpending(wallet_stream(0), ROLLING_GROUP)["pending"] == 0


def test_a_lost_redis_is_begun_anew_from_the_first_entry(
    line: Line, look: Look, redis_url: str
) -> None:
    player = Player()
    rolling_id = line.wallet.require(player, 100)
    line.run()
    with redis.Redis.from_url(redis_url) as server:
        server.flushdb()
    line.wallet.settle(player, 10)
    line.run(turns=4)
    assert look(TURNOVER, rolling_id) == [(10, "ACTIVE")]


def test_a_canary_lands_in_the_inbox_and_strange_events_are_passed_over(
    line: Line, look: Look
) -> None:
    player = Player()
    canary = line.wallet.write(player, OUTBOX_CANARY)
    strange = line.wallet.write(player, DEPOSIT_APPROVED)
    line.run()
    assert look(
        "SELECT event_id, event_type, brand_id, player_id FROM rolling.rolling_inbox"
        " ORDER BY player_version"
    ) == [
        (canary, OUTBOX_CANARY, player.brand_id, player.player_id),
        (strange, DEPOSIT_APPROVED, player.brand_id, player.player_id),
    ]


def test_copies_share_partitions_and_take_over_what_another_left(
    line: Line, look: Look, rolling_db: Database, streams: Streams
) -> None:
    first, second = (
        Consumer(SUBSCRIPTION, rolling_db, streams, name, lease_seconds=0.6)
        for name in ("one", "two")
    )
    holders = (
        "SELECT count(*) FROM rolling.rolling_partition WHERE holder = %s AND expires_at > now()"
    )
    first.turn()
    assert look(holders, "one") == [(8,)]
    deadline = time.monotonic() + 5
    while look(holders, "two") != [(4,)] and time.monotonic() < deadline:
        second.turn()
        first.turn()
    assert look(holders, "one") + look(holders, "two") == [(4,), (4,)]
    deadline = time.monotonic() + 5
    while look(holders, "two") != [(8,)] and time.monotonic() < deadline:
        second.turn()  # the first copy takes no turn, as if it had crashed
    assert look(holders, "two") == [(8,)]


def test_a_copy_that_wakes_after_its_lease_was_taken_applies_nothing(
    line: Line, look: Look, rolling_db: Database, streams: Streams
) -> None:
    player = Player()
    rolling_id = line.wallet.require(player, 1000)
    sleeper = Consumer(SUBSCRIPTION, rolling_db, streams, "sleeper", lease_seconds=0.3)
    line.publish()
    sleeper.turn()
    time.sleep(0.4)
    line.consumer.turn()
    sleeper._renew_at = float("inf")  # no renewal: it does not see that its lease was taken
    line.wallet.settle(player, 10)
    line.publish()
    sleeper.turn()
    assert look(TURNOVER, rolling_id) == [(0, "ACTIVE")]
    line.wallet.settle(player, 7)
    line.run()
    assert look(TURNOVER, rolling_id) == [(17, "ACTIVE")]
    order = "SELECT player_version FROM rolling.rolling_inbox ORDER BY received_at, player_version"
    assert look(order) == [(1,), (2,), (3,)]


def test_order_and_effect_hold_with_two_publishers_and_two_consumers(
    as_role: AsRole, rolling_db: Database, streams: Streams, line: Line, look: Look
) -> None:
    players = [Player(partition_no) for partition_no in (0, 0, 1, 5)]
    stop = threading.Event()
    turns = [Publisher(WALLET_OUTBOX, as_role("wallet_worker"), streams).turn for _ in range(2)]
    turns += [
        Consumer(SUBSCRIPTION, rolling_db, streams, f"copy-{n}", lease_seconds=0.5).turn
        for n in range(2)
    ]

    def work(turn: Any) -> None:
        while not stop.is_set():
            turn()

    threads = [threading.Thread(target=work, args=(turn,)) for turn in turns]
    for thread in threads:
        thread.start()
    rollings = [line.wallet.require(player, 10_000) for player in players]
    for _ in range(40):
        bets = [line.wallet.settle(player, 5) for player in players]
        for player, bet in zip(players, bets, strict=True):
            line.wallet.settle(player, 3)
            line.wallet.roll_back(player, bet)
    deadline = time.monotonic() + 30
    while (
        look("SELECT count(*) FROM rolling.rolling_inbox") != [(4 * 121,)]
        and time.monotonic() < deadline
    ):
        time.sleep(0.05)
    stop.set()
    for thread in threads:
        thread.join(10)
    assert [look(TURNOVER, rolling_id) for rolling_id in rollings] == [[(120, "ACTIVE")]] * 4
    assert look("SELECT count(*) FROM rolling.rolling_dead_letter") == [(0,)]
    out_of_order = """
        SELECT count(*)
          FROM (SELECT player_version - lag(player_version, 1, 0::bigint)
                           OVER (PARTITION BY player_id ORDER BY received_at) AS step
                  FROM rolling.rolling_inbox) steps
         WHERE step <> 1
    """
    assert look(out_of_order) == [(0,)]
