"""The publisher on real servers: it loses no event, keeps the order, reports its health.

SPEC 1.3 and 4; faults 1, 13, 14, 15, 16.
"""

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
import redis

from tests.cluster import TestDatabase
from tests.wallet_runtime.conftest import AsRole
from tests.wallet_runtime.events import Outbox as WalletRows
from tests.wallet_runtime.events import Player
from wallet_runtime.contract.variables import FAILPOINT_VARIABLE
from wallet_runtime.plumbing.events.envelope import FIELDS
from wallet_runtime.plumbing.events.outbox import Publisher, PublishFailed
from wallet_runtime.plumbing.events.streams import Streams, wallet_stream
from wallet_runtime.plumbing.runtime.health import OK, Degraded
from wallet_runtime.wallet.worker import WALLET_OUTBOX

ONE_TURN = """
import sys
from wallet_runtime.plumbing.runtime.database import Database
from wallet_runtime.plumbing.events.outbox import Publisher
from wallet_runtime.plumbing.events.streams import Streams
from wallet_runtime.wallet.worker import WALLET_OUTBOX
Publisher(WALLET_OUTBOX, Database(sys.argv[1], "test").open(), Streams(sys.argv[2])).turn()
"""


@pytest.fixture
def server(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        yield client


@pytest.fixture
def publisher(as_role: AsRole, streams: Streams) -> Publisher:
    return Publisher(WALLET_OUTBOX, as_role("wallet_worker"), streams)


def drain(publisher: Publisher) -> int:
    return sum(iter(publisher.turn, 0))


def published(server: redis.Redis, partition_no: int = 0) -> list[dict[str, str]]:
    entries: Any = server.xrange(wallet_stream(partition_no))
    return [fields for _, fields in entries]


def test_events_reach_their_partitions_stream_in_order_and_once(
    publisher: Publisher, wallet_outbox: WalletRows, server: redis.Redis
) -> None:
    players = [Player(partition_no) for partition_no in (0, 3, 3)]
    ids = [str(wallet_outbox.write(player, "X", {"n": n})) for n in range(4) for player in players]
    assert drain(publisher) == 12
    assert publisher.turn() == 0
    assert wallet_outbox.unpublished() == 0
    assert [fields["event_id"] for fields in published(server, 0)] == ids[0::3]
    entries = published(server, 3)
    assert [fields["event_id"] for fields in entries] == [
        event_id for n, event_id in enumerate(ids) if n % 3
    ]
    assert tuple(entries[0]) == FIELDS
    assert entries[0]["payload"] == '{"n": 0}'
    assert publisher.health() == OK


def test_a_kill_between_sending_and_marking_publishes_again(
    publisher: Publisher,
    wallet_outbox: WalletRows,
    server: redis.Redis,
    platform_db: TestDatabase,
    redis_url: str,
) -> None:
    player = Player()
    ids = [str(wallet_outbox.write(player, "X")) for _ in range(3)]
    environ = {**os.environ, FAILPOINT_VARIABLE: "publisher.after_xadd"}
    command = [sys.executable, "-c", ONE_TURN, platform_db.dsn("wallet_worker"), redis_url]
    assert subprocess.run(command, env=environ, check=False, timeout=30).returncode == -9
    assert wallet_outbox.unpublished() == 3
    assert drain(publisher) == 3
    assert [fields["event_id"] for fields in published(server)] == ids * 2


def test_two_publishers_keep_every_players_order_and_lose_nothing(
    as_role: AsRole, streams: Streams, wallet_outbox: WalletRows, server: redis.Redis
) -> None:
    publishers = [Publisher(WALLET_OUTBOX, as_role("wallet_worker"), streams) for _ in range(2)]
    players = [Player(partition_no) for partition_no in (0, 0, 1, 1)]
    written = threading.Event()

    def work(publisher: Publisher) -> None:
        while not written.is_set() or wallet_outbox_left() > 0:
            publisher.turn()

    def wallet_outbox_left() -> int:
        with as_left.session() as session:
            return int(session.one("wallet_outbox_backlog")["depth"])

    as_left = as_role("wallet_worker")
    threads = [threading.Thread(target=work, args=(publisher,)) for publisher in publishers]
    for thread in threads:
        thread.start()
    for _ in range(100):
        for player in players:
            wallet_outbox.write(player, "X")
    written.set()
    for thread in threads:
        thread.join(30)
    entries = published(server, 0) + published(server, 1)
    for player in players:
        versions = [
            int(fields["player_version"])
            for fields in entries
            if fields["player_id"] == str(player.player_id)
        ]
        assert versions == list(range(1, 101))


def test_a_lower_id_that_commits_later_is_not_skipped(
    publisher: Publisher, wallet_outbox: WalletRows, platform_db: TestDatabase, server: redis.Redis
) -> None:
    with psycopg.connect(platform_db.superuser_dsn) as slow:
        late = WalletRows(slow).write(Player(), "X")
        early = wallet_outbox.write(Player(), "X")
        assert drain(publisher) == 1
        slow.commit()
    assert drain(publisher) == 1
    assert [fields["event_id"] for fields in published(server)] == [str(early), str(late)]


def test_a_locked_partition_does_not_hold_up_others(
    publisher: Publisher, wallet_outbox: WalletRows, platform_db: TestDatabase
) -> None:
    wallet_outbox.write(Player(0), "X")
    wallet_outbox.write(Player(1), "X")
    with psycopg.connect(platform_db.superuser_dsn) as other:
        other.execute(
            "SELECT FROM wallet.wallet_outbox_partition WHERE partition_no = 0 FOR UPDATE"
        )
        assert drain(publisher) == 1
        assert wallet_outbox.unpublished() == 1
    assert drain(publisher) == 1


def test_a_redis_that_does_not_answer_loses_nothing_and_shows(
    as_role: AsRole, wallet_outbox: WalletRows, superuser: psycopg.Connection[Any], redis_url: str
) -> None:
    wallet_outbox.write(Player(), "X")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        streams = Streams(f"redis://127.0.0.1:{silent.getsockname()[1]}/0", timeout_seconds=0.2)
        publisher = Publisher(WALLET_OUTBOX, as_role("wallet_worker"), streams)
        with pytest.raises(PublishFailed, match="the events wait in the wallet outbox"):
            publisher.turn()
        streams.close()
    assert superuser.execute(
        "SELECT attempts, published_at FROM wallet.wallet_outbox"
    ).fetchall() == [(1, None)]
    failing = publisher.health()
    assert "1 of 1 tries" in failing
    assert not isinstance(failing, Degraded)
    working = Streams(redis_url)
    publisher._streams = working
    assert publisher.turn() == 1
    assert isinstance(publisher.health(), Degraded)
    working.close()


def test_a_stream_that_fails_lets_other_partitions_go_first(
    publisher: Publisher, wallet_outbox: WalletRows, server: redis.Redis
) -> None:
    server.set(wallet_stream(0), "no stream")
    wallet_outbox.write(Player(0), "X")
    wallet_outbox.write(Player(5), "X")
    outcomes = []
    for _ in range(3):
        try:
            outcomes.append(publisher.turn())
        except PublishFailed:
            outcomes.append(-1)
    assert outcomes.count(1) == 1
    assert len(published(server, 5)) == 1
    assert wallet_outbox.unpublished() == 1
    assert isinstance(publisher.health(), Degraded)
