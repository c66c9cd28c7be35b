"""One stolen login of Redis, and the worst that it can do to money (ADR 20)."""

import json
from typing import Any
from uuid import uuid4

import pytest
import redis

from rubyops.adapters.local.servers import READ_USER, REDIS_USERS, SERVICES_USER
from tests.cluster import Cluster, TestDatabase
from tests.wallet_runtime.one_player import BONUS, World, publish_and_consume, wallet_url, world
from tests.wallet_runtime.processes import open_process
from tests.wallet_runtime.serving import BRAND
from wallet_runtime.contract.consumers import CONSUMER_WORKERS
from wallet_runtime.contract.events import BET_SETTLED_CONFIRMED, ROLLING_GROUP, ROLLING_STREAM
from wallet_runtime.contract.processes import ROLLING_SERVICE, ROLLING_WORKER, WALLET_WORKER
from wallet_runtime.plumbing.events.streams import Streams, wallet_stream
from wallet_runtime.plumbing.http.service_client import ServiceClient
from wallet_runtime.rolling.worker.completion import CompletionRetry

__all__ = ["world"]
# For each Redis user: the worst that a thief can do, and the attempts that Redis permits.
USERS: dict[str, tuple[str, tuple[str, ...]]] = {
    **dict.fromkeys(
        CONSUMER_WORKERS,
        ("it takes events away unread, which are sent again", ("acknowledge",)),
    ),
    SERVICES_USER: (
        (
            "the operator's: it loses events, which are sent again, and forges some,"
            " which count nothing"
        ),
        ("all",),
    ),
    READ_USER: ("it reads events", ("read",)),
    WALLET_WORKER: (
        "it forges events, which count nothing, and trims streams",
        ("forge", "read", "trim"),
    ),
    ROLLING_SERVICE: ("nothing", ()),
}


def test_every_redis_user_has_its_line() -> None:
    assert set(USERS) == set(REDIS_USERS)


def test_each_worker_does_its_work_as_its_own_user(
    cluster: Cluster, logical_database: int, redis_url: str
) -> None:
    """Each worker may send all commands that it needs, on all streams that it uses."""
    del redis_url
    stream, group = wallet_stream(0), ROLLING_GROUP
    wallet, rolling, service = (
        Streams(cluster.redis_url(logical_database, user))
        for user in (WALLET_WORKER, ROLLING_WORKER, ROLLING_SERVICE)
    )
    service.ping()
    rolling.ensure_group(stream, group)
    (entry_id,) = wallet.publish(stream, [{"event_id": "e"}])
    assert wallet.in_reach(stream, group, {entry_id: "e"}) == {entry_id}
    assert rolling.fetch([stream], group, "c", count=5, block_ms=10) == [stream]
    assert [
        entry.entry_id for entry in rolling.pending(stream, group, "c", after="0", count=5)
    ] == [entry_id]
    assert wallet.in_reach(stream, group, {entry_id: "e"}) == {entry_id}
    rolling.acknowledge(stream, group, [entry_id])
    assert wallet.trim(stream, [group], 2**50) == 0
    rolling.publish(ROLLING_STREAM, [{"event_id": "r"}])
    assert rolling.trim(ROLLING_STREAM, [], 2**50) == 1
    for each in (wallet, rolling, service):
        each.close()


def _forged(world: World) -> dict[str, str]:
    """Return a forged event of a settled bet whose stake is all the turnover of the bonus."""
    funding = [
        {
            "account": BONUS,
            "topology_code": "RUBY_SPLIT_V1",
            "bucket_type_code": "SPORTS_BONUS",
            "amount": "10000",
        }
    ]
    payload: dict[str, Any] = {
        "authorization_id": str(uuid4()),
        "bet_id": "b",
        "provider_id": "mocksports",
        "provider_type": "SPORTS",
        "currency": "EUR",
    }
    payload |= {"stake": "10000", "payout": "0", "counts": True, "funding": funding}
    (event_no,) = world.house.look.execute(
        "SELECT event_no + 1 FROM rolling.rolling_position"
    ).fetchall()[0]
    return {
        **{
            "event_id": str(uuid4()),
            "event_type": BET_SETTLED_CONFIRMED,
            "brand_id": str(BRAND),
            "player_id": world.player,
        },
        **{
            "player_version": "99",
            "event_no": str(event_no),
            "schema_version": "1",
            "occurred_at": "2026-01-01T00:00:00.000000Z",
        },
        **{"restore_epoch": "0", "payload": json.dumps(payload)},
    }


@pytest.mark.parametrize("user", USERS)
def test_one_redis_user(
    world: World,
    platform_db: TestDatabase,
    cluster: Cluster,
    logical_database: int,
    redis_url: str,
    user: str,
) -> None:
    admitted = USERS[user][1]
    with open_process(
        ROLLING_WORKER, platform_db, redis_url, WALLET_SERVICE_URL=wallet_url(world)
    ) as worker:
        publish_and_consume(platform_db, redis_url, worker)
        (partition,) = world.house.look.execute(
            "SELECT partition_no FROM wallet.wallet_outbox"
        ).fetchall()[0]
        stream, forged = wallet_stream(partition), _forged(world)
        attempts: dict[str, tuple[Any, ...]] = {
            "forge": ("XADD", stream, "*", *(part for pair in forged.items() for part in pair)),
            "read": ("XRANGE", stream, "-", "+"),
            "acknowledge": ("XACK", stream, ROLLING_GROUP, "0-1"),
            "trim": ("XTRIM", stream, "MAXLEN", "1000"),
            "set": ("SET", "key", "value"),
            "users": ("ACL", "LIST"),
            "delete": ("DEL", "nothing"),
        }
        with redis.Redis.from_url(cluster.redis_url(logical_database, user)) as client:
            for name, words in attempts.items():
                try:
                    client.execute_command(*words)
                    told = True
                except redis.exceptions.NoPermissionError:
                    told = False
                assert told == (name in admitted or admitted == ("all",)), name
        publish_and_consume(platform_db, redis_url, worker)
        assert CompletionRetry(worker.database, ServiceClient(worker)).turn() == 0
    look = world.house.look
    assert look.execute("SELECT sum(turnover) FROM rolling.player_rolling").fetchall() == [(0,)]
    forgers = int("forge" in admitted or admitted == ("all",))
    assert look.execute(
        "SELECT count(*) FROM rolling.rolling_dead_letter WHERE reason = 'MALFORMED'"
    ).fetchall() == [(forgers,)]
    assert world.held()[BONUS] == 1000
