"""The consumer on real servers: once, in order per player, whatever is killed, redelivered or poisonous (RS-8, RS-9)."""

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
from tests.wallet_runtime.rolling.conftest import Line, Look
from tests.wallet_runtime.serving import as_the_wallet
from wallet_runtime import contract
from wallet_runtime.plumbing.errors import Busy
from wallet_runtime.plumbing.events.applying import TRIES_MAX
from wallet_runtime.plumbing.events.consumer import Consumer
from wallet_runtime.plumbing.events.outbox import Publisher
from wallet_runtime.plumbing.events.streams import Streams, wallet_stream
from wallet_runtime.plumbing.runtime.database import Database
from wallet_runtime.rolling.worker.effects import SUBSCRIPTION
from wallet_runtime.wallet.worker import WALLET_OUTBOX, delivery_of

TURNOVER = "SELECT turnover, state FROM rolling.player_rolling WHERE rolling_id = %s"
ONE_TURN = """
import sys
from wallet_runtime.plumbing.runtime.database import Database
from wallet_runtime.plumbing.events.streams import Streams
from wallet_runtime.plumbing.events.consumer import Consumer
from wallet_runtime.rolling.worker.effects import SUBSCRIPTION
Consumer(SUBSCRIPTION, Database(sys.argv[1], "test").open(), Streams(sys.argv[2]), "doomed", lease_seconds=0.5).turn()
"""


def turn_until_set_aside(line: Line, look: Look) -> None:
    deadline = time.monotonic() + 15
    while not look("SELECT 1 FROM rolling.rolling_dead_letter") and time.monotonic() < deadline:
        line.consumer.turn()


def test_a_required_rolling_is_created_with_the_wallets_id(line: Line, look: Look) -> None:
    player = Player(3)
    rolling_id = line.wallet.require(player, 500, multiplier="2.5", remarks="coupon_log:7")
    line.run()
    row = look(
        "SELECT brand_id, player_id, state, required_turnover, target_turnover, turnover, multiplier::text, remarks, coupon_log_id, "
        "provider_types FROM rolling.player_rolling WHERE rolling_id = %s",
        rolling_id,
    )
    assert row == [
        (
            player.brand_id,
            player.player_id,
            "ACTIVE",
            500,
            500,
            0,
            "2.5",
            "coupon_log:7",
            None,
            ["SPORTS"],
        )
    ]


def test_bets_fill_rollings_oldest_first_and_a_rollback_takes_exactly_that_back(
    line: Line, look: Look
) -> None:
    player = Player()
    first, second = line.wallet.require(player, 100), line.wallet.require(player, 100)
    line.wallet.settle(player, 70)
    bet = line.wallet.settle(player, 60)
    line.run()
    assert look(TURNOVER, first) + look(TURNOVER, second) == [(100, "COMPLETING"), (30, "ACTIVE")]
    assert look("SELECT rolling_id, attempts FROM rolling.rolling_retry") == [(first, 0)]
    line.wallet.roll_back(player, bet)
    line.run()
    assert look(TURNOVER, first) + look(TURNOVER, second) == [(70, "ACTIVE"), (0, "ACTIVE")]
    assert look("SELECT count(*) FROM rolling.rolling_retry") == [(0,)]
    assert look("SELECT count(*) FROM rolling.rolling_turnover WHERE reversed_at IS NOT NULL") == [
        (2,)
    ]


def test_a_bet_that_does_not_count_adds_nothing_and_its_rollback_takes_nothing(
    line: Line, look: Look
) -> None:
    player = Player()
    rolling_id = line.wallet.require(player, 100)
    line.wallet.settle(player, 30)
    bet = line.wallet.settle(player, 50, payout="50", counts=False)
    line.run()
    assert look(TURNOVER, rolling_id) == [(30, "ACTIVE")]
    line.wallet.roll_back(player, bet)
    line.run()
    assert look(TURNOVER, rolling_id) == [(30, "ACTIVE")]
    assert look("SELECT count(*) FROM rolling.rolling_turnover") == [(1,)]


def test_a_rolled_back_bet_that_was_never_settled_changes_nothing(line: Line, look: Look) -> None:
    player = Player()
    rolling_id = line.wallet.require(player, 100)
    bet = line.wallet.settle(player, 10)
    line.wallet.roll_back(player, bet, was="AUTHORIZED")
    line.run()
    assert look(TURNOVER, rolling_id) == [(10, "ACTIVE")]


def test_turnover_reversed_after_completion_leaves_completed_and_a_finding(
    line: Line, look: Look, superuser: psycopg.Connection[Any]
) -> None:
    player = Player()
    rolling_id = line.wallet.require(player, 50)
    bet = line.wallet.settle(player, 50)
    line.run()
    as_the_wallet(
        superuser, "UPDATE rolling.player_rolling SET state = 'COMPLETED'", role="rolling_worker"
    )
    superuser.execute("DELETE FROM rolling.rolling_retry")
    line.wallet.roll_back(player, bet)
    line.run()
    assert look(TURNOVER, rolling_id) == [(50, "COMPLETED")]
    assert look("SELECT rolling_id, kind, amount, status FROM rolling.rolling_finding") == [
        (rolling_id, "TURNOVER_REVERSED_AFTER_COMPLETION", 50, "OPEN")
    ]


def test_a_completion_that_the_wallet_was_asked_for_stands(
    line: Line, look: Look, superuser: psycopg.Connection[Any]
) -> None:
    player = Player()
    rolling_id = line.wallet.require(player, 50)
    bet = line.wallet.settle(player, 50)
    line.run()
    superuser.execute("UPDATE rolling.rolling_retry SET attempts = 1")
    line.wallet.roll_back(player, bet)
    line.run()
    assert look(TURNOVER, rolling_id) == [(50, "COMPLETING")]
    assert look("SELECT count(*) FROM rolling.rolling_finding") == [(1,)]


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
    environ = {**os.environ, contract.FAILPOINT_VARIABLE: point}
    command = [sys.executable, "-c", ONE_TURN, platform_db.dsn("rolling_worker"), redis_url]
    assert subprocess.run(command, env=environ, check=False, timeout=30).returncode == -9
    time.sleep(0.6)
    line.run()
    assert look(TURNOVER, rolling_id) == [(10, "ACTIVE")]
    with redis.Redis.from_url(redis_url) as server:
        assert server.xpending(wallet_stream(0), contract.ROLLING_GROUP)["pending"] == 0


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


def test_a_poisonous_event_is_set_aside_and_holds_up_its_player_alone(
    line: Line, look: Look
) -> None:
    poisoned, healthy = Player(2), Player(2)
    line.wallet.require(poisoned, 2**70)
    held = line.wallet.settle(poisoned, 5)
    rolling_id = line.wallet.require(healthy, 100)
    line.wallet.settle(healthy, 10)
    line.run()
    assert look(TURNOVER, rolling_id) == [(10, "ACTIVE")], "the other player waited for the poison"
    turn_until_set_aside(line, look)
    line.consumer.turn()
    rows = look(
        "SELECT event_type, reason, tries, player_id FROM rolling.rolling_dead_letter ORDER BY dead_letter_id"
    )
    assert rows == [
        (contract.ROLLING_REQUIRED, "FAILED", TRIES_MAX, poisoned.player_id),
        (contract.BET_SETTLED_CONFIRMED, "HELD_UP", 0, poisoned.player_id),
    ]
    assert look("SELECT count(*) FROM rolling.rolling_inbox") == [(2,)]
    assert look(
        "SELECT fields->>'payload' LIKE %s FROM rolling.rolling_dead_letter WHERE reason = 'HELD_UP'",
        f"%{held}%",
    ) == [(True,)]


def test_an_event_set_aside_holds_up_its_own_brands_player(line: Line, look: Look) -> None:
    poisoned = Player(2)
    namesake = Player(2, player_id=poisoned.player_id)
    line.wallet.require(poisoned, 2**70)
    first = line.wallet.require(namesake, 100)
    line.run(turns=1)
    assert look(TURNOVER, first) == [(0, "ACTIVE")], (
        "the other brand's player waited for the poison's tries"
    )
    turn_until_set_aside(line, look)
    line.wallet.settle(namesake, 10)
    line.wallet.settle(poisoned, 10)
    line.run()
    assert look(TURNOVER, first) == [(10, "ACTIVE")]
    assert look(
        "SELECT brand_id, reason FROM rolling.rolling_dead_letter WHERE reason = 'HELD_UP'"
    ) == [(poisoned.brand_id, "HELD_UP")]


def test_an_event_that_contradicts_itself_is_set_aside_at_once(line: Line, look: Look) -> None:
    player = Player()
    payload = {
        "authorization_id": "a",
        "bet_id": "b",
        "provider_type": "SPORTS",
        "currency": "KRW",
        "stake": "10",
        "funding": [],
    }
    line.wallet.write(player, contract.BET_SETTLED_CONFIRMED, payload)
    line.run(turns=1)
    assert look("SELECT reason, tries FROM rolling.rolling_dead_letter") == [("FAILED", 1)]


def test_an_event_without_a_brand_fails_closed(
    line: Line, look: Look, redis_url: str, as_role: AsRole, streams: Streams
) -> None:
    player = Player(1)
    line.wallet.require(player, 100)
    line.publish()
    with redis.Redis.from_url(redis_url, decode_responses=True) as server:
        ((entry_id, fields),) = server.xrange(wallet_stream(1))
        server.xdel(wallet_stream(1), entry_id)
        del fields["brand_id"]
        server.xadd(wallet_stream(1), fields)
    line.run()
    assert look("SELECT reason, brand_id, player_id FROM rolling.rolling_dead_letter") == [
        ("MALFORMED", None, player.player_id)
    ]
    line.wallet.settle(player, 10)
    line.run()
    assert look("SELECT count(*) FROM rolling.player_rolling") == [(0,)]
    delivery_of(as_role("wallet_worker"), streams).turn()
    line.run()
    assert look("SELECT turnover FROM rolling.player_rolling") == [(10,)], (
        "the event itself came, and nobody waits"
    )


@pytest.mark.parametrize(
    "poison", [{b"payload": b'{"a":' * 100_000}, {b"payload": b'{"a": "\xff"}'}, {b"\xff": b"\xff"}]
)
def test_an_entry_that_cannot_even_be_read_holds_up_nobody_else(
    line: Line, look: Look, redis_url: str, poison: dict[bytes, bytes]
) -> None:
    poisoned, healthy = Player(1), Player(1)
    line.wallet.require(poisoned, 100)
    line.publish()
    with redis.Redis.from_url(redis_url) as server:
        ((entry_id, fields),) = server.xrange(wallet_stream(1))
        server.xdel(wallet_stream(1), entry_id)
        del fields[b"restore_epoch"]
        server.xadd(wallet_stream(1), {**fields, **poison})
    rolling_id = line.wallet.require(healthy, 100)
    line.run()
    assert look("SELECT reason, player_id FROM rolling.rolling_dead_letter") == [
        ("MALFORMED", poisoned.player_id)
    ]
    assert look(TURNOVER, rolling_id) == [(0, "ACTIVE")]


def test_a_canary_lands_in_the_inbox_and_strange_events_are_passed_over(
    line: Line, look: Look
) -> None:
    player = Player()
    canary = line.wallet.write(player, contract.OUTBOX_CANARY)
    strange = line.wallet.write(player, contract.DEPOSIT_APPROVED)
    line.run()
    assert look(
        "SELECT event_id, event_type, brand_id, player_id FROM rolling.rolling_inbox ORDER BY player_version"
    ) == [
        (canary, contract.OUTBOX_CANARY, player.brand_id, player.player_id),
        (strange, contract.DEPOSIT_APPROVED, player.brand_id, player.player_id),
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
        second.turn()  # the first is silent, as if it had died
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
    sleeper._renew_at = float("inf")  # it does not know yet
    line.wallet.settle(player, 10)
    line.publish()
    sleeper.turn()
    assert look(TURNOVER, rolling_id) == [(0, "ACTIVE")]
    line.wallet.settle(player, 7)
    line.run()
    assert look(TURNOVER, rolling_id) == [(17, "ACTIVE")]
    order = "SELECT player_version FROM rolling.rolling_inbox ORDER BY received_at, player_version"
    assert look(order) == [(1,), (2,), (3,)]


def test_a_database_that_does_not_answer_is_no_fault_of_the_event(
    line: Line, look: Look, platform_db: TestDatabase
) -> None:
    player = Player()
    rolling_id = line.wallet.require(player, 100)
    line.publish()
    with psycopg.connect(platform_db.superuser_dsn) as blocker:
        blocker.execute("LOCK TABLE rolling.player_rolling IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(Busy):
            line.consumer.turn()
    assert look("SELECT count(*) FROM rolling.rolling_event_failure") == [(0,)]
    line.consumer.turn()
    assert look(TURNOVER, rolling_id) == [(0, "ACTIVE")]


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
          FROM (SELECT player_version - lag(player_version, 1, 0::bigint) OVER (PARTITION BY player_id ORDER BY received_at) AS step
                  FROM rolling.rolling_inbox) steps
         WHERE step <> 1
    """
    assert look(out_of_order) == [(0,)]
