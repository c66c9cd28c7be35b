"""An event that the stream lost is published again, in player order, and applied once."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
import redis

from tests.cluster import TestDatabase
from tests.wallet_runtime.conftest import AsRole
from tests.wallet_runtime.events import Player
from tests.wallet_runtime.line import Line, Look
from wallet_runtime.contract.events import BET_SETTLED_CONFIRMED, ROLLING_GROUP
from wallet_runtime.plumbing.events import consumer, delivery, order
from wallet_runtime.plumbing.events.delivery import Delivery
from wallet_runtime.plumbing.events.retention import RetentionHours
from wallet_runtime.plumbing.events.streams import Streams, wallet_stream
from wallet_runtime.plumbing.runtime.database import DatabaseError
from wallet_runtime.plumbing.runtime.health import OK
from wallet_runtime.rolling.worker import retention_of as rolling_retention
from wallet_runtime.wallet.worker import delivery_of, retention_of

STREAM = wallet_stream(0)
GROUP = ROLLING_GROUP
TURNOVER = "SELECT turnover FROM rolling.player_rolling WHERE rolling_id = %s"
PLACES = """
SELECT published_no, applied_no, missing FROM wallet.wallet_outbox_partition WHERE partition_no = 0
"""
RESENDS = "SELECT array_agg(resends ORDER BY outbox_id) FROM wallet.wallet_outbox"
APPLIED = "SELECT count(*) FROM rolling.rolling_inbox"
Lose = Callable[[Any], object]


@dataclass
class Watched:
    """A line, with a comparison of its outbox and consumer that the test runs itself."""

    line: Line
    delivery: Delivery
    server: Any

    def run(self) -> None:
        """Compare, publish and consume until nothing is left to do."""
        for _ in range(3):
            self.delivery.turn()
            self.line.run()
        self.delivery.turn()


@pytest.fixture
def watched(
    line: Line, as_role: AsRole, streams: Streams, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> Any:
    """A watched line whose comparison never rests and whose consumer does not wait for entries."""
    monkeypatch.setattr(delivery, "REST_SECONDS_MAX", 0)
    monkeypatch.setattr(delivery, "REST_MISSING_SECONDS_MAX", 0)
    monkeypatch.setattr(consumer, "BLOCK_MS", 1)
    with redis.Redis.from_url(redis_url, decode_responses=True) as server:
        yield Watched(line, delivery_of(as_role("wallet_worker"), streams), server)


def _take_newest(server: Any) -> None:
    server.xdel(STREAM, server.xrevrange(STREAM, count=1)[0][0])


def _begin_at_the_end(server: Any) -> None:
    """Recreate the group at the newest entry, a mistake that an operator can make."""
    server.xgroup_destroy(STREAM, GROUP)
    server.xgroup_create(STREAM, GROUP, id="$")


def _lose_what_is_pending(server: Any) -> None:
    server.xreadgroup(GROUP, GROUP, {STREAM: ">"}, count=99)
    _begin_at_the_end(server)


def _delete_what_is_pending(server: Any) -> None:
    server.xreadgroup(GROUP, GROUP, {STREAM: ">"}, count=99)
    server.xtrim(STREAM, maxlen=0, approximate=False)


LOSSES: dict[str, Lose] = {
    "flushed": lambda server: server.flushdb(),
    "stream deleted": lambda server: server.delete(STREAM),
    "trimmed": lambda server: server.xtrim(STREAM, maxlen=1, approximate=False),
    "an entry deleted": _take_newest,
    "group made at the end": _begin_at_the_end,
    "group set forward": lambda server: server.xgroup_setid(STREAM, GROUP, "$"),
    "pending entries lost with their group": _lose_what_is_pending,
    "pending entries trimmed": _delete_what_is_pending,
}


@pytest.mark.fault
def test_what_the_stream_forgets_comes_back_and_is_applied_once(
    watched: Watched, look: Look
) -> None:
    for round_no, (loss, lose) in enumerate(LOSSES.items(), 1):
        wallet, player = watched.line.wallet, Player()
        early = wallet.require(player, 10)
        watched.run()
        late = wallet.require(player, 100)
        wallet.settle(player, 13)
        watched.line.publish()
        lose(watched.server)
        wallet.settle(player, 20)
        watched.run()
        assert (loss, look(TURNOVER, early) + look(TURNOVER, late)) == (loss, [(10,), (23,)])
        assert (look(APPLIED), look("SELECT count(*) FROM rolling.rolling_dead_letter")) == (
            [(4 * round_no,)],
            [(0,)],
        )
        assert watched.delivery.health() == OK
        ((published, applied, missing),) = look(PLACES)
        assert (applied, missing) == (published, 0)


@pytest.mark.fault
def test_a_later_event_waits_for_the_lost_one(watched: Watched, look: Look) -> None:
    wallet, player, other = watched.line.wallet, Player(), Player()
    rolling_id = wallet.require(player, 100)
    watched.line.publish()
    watched.server.flushdb()
    wallet.settle(player, 30)
    others = wallet.require(other, 50)
    watched.line.run(turns=4)
    assert look(APPLIED) == [(1,)], "the stake would count for nothing before its rolling is there"
    assert look(TURNOVER, others) == [(0,)], "the other player does not wait"
    assert watched.line.consumer.health() == OK, "it came just now"
    watched.run()
    assert look(TURNOVER, rolling_id) == [(30,)]


def test_health_is_red_until_everything_that_was_lost_is_applied(
    watched: Watched, look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(order, "EARLY_SECONDS_MAX", 0.0)
    wallet, player = watched.line.wallet, Player()
    wallet.require(player, 100)
    watched.line.publish()
    watched.server.flushdb()
    wallet.settle(player, 30)
    watched.line.run(turns=4)
    assert watched.line.consumer.health().startswith("events of 1 players wait for an earlier one")
    assert watched.delivery.turn() == 1
    red = "1 published events were lost on their way to a consumer and are sent again"
    assert watched.delivery.health() == red
    watched.line.publish()
    watched.delivery.turn()
    assert (watched.delivery.health(), look(PLACES)[0][2]) == (red, 1), (
        "it is in the stream again, and not applied"
    )
    watched.run()
    assert (watched.delivery.health(), watched.line.consumer.health()) == (OK, OK)


def test_a_long_comparison_rests_less_while_events_are_missing(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the next comparison can end the unhealthy state, so it must come soon."""
    monkeypatch.undo()
    watched.line.wallet.require(Player(), 100)
    watched.line.publish()
    watched.server.flushdb()
    assert watched.delivery._rest_seconds(5.0) == 15.0
    assert watched.delivery.turn() == 1
    watched.line.publish()
    watched.delivery._rest_until = 0.0
    watched.delivery.turn()
    assert watched.delivery.health() != OK
    assert [watched.delivery._rest_seconds(took) for took in (5.0, 1.0)] == [4.0, 3.0]


def test_what_is_applied_while_it_is_compared_is_not_missing(
    watched: Watched, look: Look, streams: Streams, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_reach = Streams.in_reach

    def look_late(self: Streams, *asked: Any) -> set[str]:
        watched.line.run()
        return in_reach(self, *asked)

    monkeypatch.setattr(Streams, "in_reach", look_late)
    watched.line.wallet.require(Player(), 100)
    watched.line.publish()
    assert watched.delivery.turn() == 0
    assert (look(APPLIED), look(PLACES)[0][2], watched.delivery.health()) == ([(1,)], 0, OK)


@pytest.mark.parametrize("group", ["is there", "is missing"])
def test_what_a_stopped_consumer_has_still_to_read_is_not_sent_again(
    watched: Watched, look: Look, group: str
) -> None:
    wallet, player = watched.line.wallet, Player()
    wallet.require(player, 100)
    watched.run()
    for _ in range(5):
        wallet.settle(player, 1)
    watched.line.publish()
    if group == "is there":
        watched.server.xreadgroup(GROUP, GROUP, {STREAM: ">"}, count=2)
    else:
        watched.server.xgroup_destroy(STREAM, GROUP)
    assert [watched.delivery.turn() for _ in range(3)] == [0, 0, 0]
    assert (look(RESENDS), look(PLACES)) == ([([0] * 6,)], [(6, 1, 0)])
    assert watched.delivery.health() == OK


def test_an_event_that_nobody_takes_is_not_sent_without_end(watched: Watched, look: Look) -> None:
    watched.line.wallet.require(Player(), 100)
    for _ in range(6):
        watched.line.publish()
        watched.server.flushdb()
        watched.delivery.turn()
    assert look(RESENDS) == [([1],)], "the second time, it waits"
    assert watched.delivery.health() != OK
    look(
        "UPDATE wallet.wallet_outbox SET published_at = published_at - interval '1 minute'"
        " RETURNING 1"
    )
    assert watched.delivery.turn() == 1


def test_what_retention_removed_does_not_look_lost(
    watched: Watched, look: Look, as_role: AsRole, streams: Streams
) -> None:
    wallet, player = watched.line.wallet, Player()
    rolling_id = wallet.require(player, 100)
    wallet.settle(player, 7)
    watched.line.run()
    look("UPDATE rolling.rolling_inbox SET received_at = now() - interval '15 days' RETURNING 1")
    look("UPDATE wallet.wallet_outbox SET published_at = now() - interval '8 days' RETURNING 1")
    keeper = retention_of(as_role("wallet_worker"), streams, RetentionHours())
    assert keeper.turn() == 0, "nobody has seen yet that they were applied"
    assert rolling_retention(as_role("rolling_worker"), streams, RetentionHours()).turn() == 2
    watched.run()
    assert (look(RESENDS), look(TURNOVER, rolling_id)) == ([([0, 0],)], [(7,)])
    assert keeper.turn() == 2


def test_an_event_that_is_set_aside_is_not_lost(watched: Watched, look: Look) -> None:
    player = Player()
    watched.line.wallet.write(player, BET_SETTLED_CONFIRMED, {"authorization_id": "no bet"})
    watched.line.wallet.settle(player, 1)
    watched.run()
    assert look("SELECT reason FROM rolling.rolling_dead_letter ORDER BY 1") == [
        ("FAILED",),
        ("HELD_UP",),
    ]
    assert (look(RESENDS), watched.delivery.health()) == ([([0, 0],)], OK)


def test_a_comparison_waits_for_no_publisher(
    watched: Watched, look: Look, platform_db: TestDatabase
) -> None:
    watched.line.wallet.require(Player(), 100)
    watched.line.publish()
    watched.server.flushdb()
    with psycopg.connect(platform_db.superuser_dsn) as publishing:
        publishing.execute(
            "SELECT FROM wallet.wallet_outbox_partition WHERE partition_no = 0 FOR UPDATE"
        )
        assert watched.delivery.turn() == 1
        assert watched.delivery.health() != OK
        assert look("SELECT count(compared_at) FROM wallet.wallet_outbox_partition") == [(7,)]
    watched.run()
    assert look("SELECT count(compared_at) FROM wallet.wallet_outbox_partition") == [(8,)]


def test_a_long_backlog_is_compared_page_by_page(
    watched: Watched, look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "PAGE_ROWS_MAX", 2)
    players = [Player() for _ in range(7)]
    for player in players:
        watched.line.wallet.require(player, 1)
    watched.line.publish()
    _take_newest(watched.server)
    assert watched.delivery.turn() == 1
    watched.run()
    assert (look(APPLIED), look(RESENDS)) == ([(7,)], [([0] * 6 + [1],)])


@pytest.mark.fault
def test_the_role_that_publishes_may_only_read_what_a_consumer_lacks(as_role: AsRole) -> None:
    with (
        as_role("wallet_worker").session() as session,
        pytest.raises(DatabaseError, match="permission denied"),
    ):
        session.run("rolling_prune_inbox", hours=1, limit=1)
