"""An entry is applied, becomes a dead letter or stays pending, whatever its fault (RS-9)."""

import time

import psycopg
import pytest
import redis

from tests.cluster import TestDatabase
from tests.wallet_runtime.conftest import AsRole
from tests.wallet_runtime.events import Player
from tests.wallet_runtime.line import Line, Look
from wallet_runtime.contract.events import BET_SETTLED_CONFIRMED, ROLLING_REQUIRED
from wallet_runtime.plumbing.errors import ServiceBusy
from wallet_runtime.plumbing.events.applying import TRIES_MAX
from wallet_runtime.plumbing.events.streams import Streams, wallet_stream
from wallet_runtime.wallet.worker import delivery_of

TURNOVER = "SELECT turnover, state FROM rolling.player_rolling WHERE rolling_id = %s"


def turn_until_set_aside(line: Line, look: Look) -> None:
    deadline = time.monotonic() + 15
    while not look("SELECT 1 FROM rolling.rolling_dead_letter") and time.monotonic() < deadline:
        line.consumer.turn()


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
        "SELECT event_type, reason, tries, player_id FROM rolling.rolling_dead_letter"
        " ORDER BY dead_letter_id"
    )
    assert rows == [
        (ROLLING_REQUIRED, "FAILED", TRIES_MAX, poisoned.player_id),
        (BET_SETTLED_CONFIRMED, "HELD_UP", 0, poisoned.player_id),
    ]
    assert look("SELECT count(*) FROM rolling.rolling_inbox") == [(2,)]
    assert look(
        "SELECT fields->>'payload' LIKE %s FROM rolling.rolling_dead_letter"
        " WHERE reason = 'HELD_UP'",
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
    line.wallet.write(player, BET_SETTLED_CONFIRMED, payload)
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


def test_a_database_that_does_not_answer_is_no_fault_of_the_event(
    line: Line, look: Look, platform_db: TestDatabase
) -> None:
    player = Player()
    rolling_id = line.wallet.require(player, 100)
    line.publish()
    with psycopg.connect(platform_db.superuser_dsn) as blocker:
        blocker.execute("LOCK TABLE rolling.player_rolling IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(ServiceBusy):
            line.consumer.turn()
    assert look("SELECT count(*) FROM rolling.rolling_event_failure") == [(0,)]
    line.consumer.turn()
    assert look(TURNOVER, rolling_id) == [(0, "ACTIVE")]
