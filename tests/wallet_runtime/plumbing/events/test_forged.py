"""Only stream entries that the wallet's outbox has are applied; others may be forged (ADR 20)."""

import json
from collections.abc import Iterator
from typing import Any, cast
from uuid import UUID, uuid4

import psycopg
import pytest
import redis

from tests.wallet_runtime.events import Player
from tests.wallet_runtime.line import Line, Look
from wallet_runtime.plumbing.events.dead_letters import DeadLetter
from wallet_runtime.plumbing.events.leases import PartitionLease
from wallet_runtime.plumbing.events.replay import Replayer
from wallet_runtime.plumbing.events.streams import wallet_stream
from wallet_runtime.plumbing.runtime.database import Database
from wallet_runtime.rolling.worker.effects import SUBSCRIPTION

PROGRESS = "SELECT state, turnover FROM rolling.player_rolling WHERE rolling_id = %s"
DISCARD = (
    "UPDATE rolling.rolling_dead_letter SET discard_reason = 'forged',"
    " discard_requested_by = 'first', discard_requested_key = 'one',"
    " discard_requested_at = now(), discard_confirmed_by = 'second',"
    " discard_confirmed_key = 'two', discard_confirmed_at = now()"
)
SET_ASIDE = "SELECT reason, error FROM rolling.rolling_dead_letter WHERE resolved_at IS NULL"


@pytest.fixture
def server(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url, decode_responses=True) as connection:
        yield connection


@pytest.fixture
def owed(line: Line) -> tuple[Player, UUID]:
    """A player, and a rolling of this player that has 10 of its required turnover of 50."""
    player = Player()
    rolling_id = line.wallet.require(player, 50)
    line.wallet.settle(player, 10)
    line.run()
    return player, rolling_id


def published(server: redis.Redis, *, take: bool = False) -> dict[Any, Any]:
    """The last entry of the first partition, a settled bet; `take` also deletes it."""
    ((entry_id, fields),) = cast(
        "list[tuple[str, dict[str, str]]]", server.xrevrange(wallet_stream(0), count=1)
    )
    if take:
        server.xdel(wallet_stream(0), entry_id)
    return dict(fields)


def with_stake(fields: dict[Any, Any], stake: str) -> dict[Any, Any]:
    payload = json.loads(fields["payload"])
    payload |= {"stake": stake, "authorization_id": str(uuid4())}
    payload["funding"][0]["amount"] = stake
    return fields | {"payload": json.dumps(payload)}


@pytest.mark.parametrize(
    "how", ["a new id", "the id of an event that waits", "another player's partition"]
)
def test_a_forged_entry_counts_nothing_and_holds_nobody_up(
    line: Line, look: Look, server: redis.Redis, owed: tuple[Player, UUID], how: str
) -> None:
    player, rolling_id = owed
    forged = with_stake(published(server), "40") | {"event_no": "3", "event_id": str(uuid4())}
    if how == "the id of an event that waits":
        line.wallet.settle(player, 5)
        (event_id,) = look(
            "SELECT event_id::text FROM wallet.wallet_outbox WHERE published_at IS NULL"
        )[0]
        forged["event_id"] = event_id
    if how == "another player's partition":
        line.wallet.settle(player, 5)
        line.publish()
        forged = published(server, take=True)
    server.xadd(wallet_stream(1 if how == "another player's partition" else 0), forged)
    line.run()
    assert look(
        "SELECT count(*) FROM rolling.rolling_dead_letter"
        " WHERE reason = 'MALFORMED' AND error LIKE '%%outbox has no event%%'"
    ) == [(1,)]
    assert look(PROGRESS, rolling_id)[0][1] < 50
    if how == "a new id":
        line.wallet.settle(player, 5)
        line.run()
    if how != "another player's partition":
        assert look(PROGRESS, rolling_id) == [("ACTIVE", 15)]


def test_a_forged_entry_is_not_replayed(
    line: Line,
    look: Look,
    server: redis.Redis,
    owed: tuple[Player, UUID],
    superuser: psycopg.Connection,
    rolling_db: Database,
) -> None:
    _, rolling_id = owed
    server.xadd(
        wallet_stream(0),
        with_stake(published(server), "40") | {"event_no": "3", "event_id": str(uuid4())},
    )
    line.run()
    superuser.execute("UPDATE rolling.rolling_dead_letter SET replay_requested_at = now()")
    assert Replayer(SUBSCRIPTION, rolling_db).replay([PartitionLease(0, "copy-1")]) == 0
    ((reason, error),) = look(SET_ASIDE)
    assert reason == "MALFORMED" and "the wallet's outbox has no event" in error
    assert look(PROGRESS, rolling_id) == [("ACTIVE", 10)]


def test_a_discarded_forged_entry_does_not_take_the_place_of_the_next_event(
    line: Line,
    look: Look,
    server: redis.Redis,
    owed: tuple[Player, UUID],
    superuser: psycopg.Connection,
) -> None:
    player, rolling_id = owed
    server.xadd(
        wallet_stream(0),
        with_stake(published(server), "40") | {"event_no": "3", "event_id": str(uuid4())},
    )
    line.run()
    superuser.execute(DISCARD)
    line.run()
    line.wallet.settle(player, 5)
    line.run()
    assert look(SET_ASIDE) == []
    assert look(PROGRESS, rolling_id) == [("ACTIVE", 15)]


def test_a_discard_that_fails_is_tried_once_a_turn(
    line: Line,
    server: redis.Redis,
    owed: tuple[Player, UUID],
    superuser: psycopg.Connection,
    rolling_db: Database,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A discard that fails stays due, and must not keep the consumer from other events."""
    server.xadd(wallet_stream(0), published(server) | {"event_no": "3", "event_id": str(uuid4())})
    line.run()
    superuser.execute(DISCARD)
    tried: list[int] = []

    def fail(replayer: Replayer, lease: PartitionLease, letter: DeadLetter) -> None:
        tried.append(letter.dead_letter_id)
        raise ValueError("planted")

    monkeypatch.setattr(Replayer, "_read", fail)
    assert Replayer(SUBSCRIPTION, rolling_db).replay([PartitionLease(0, "copy-1")]) == 0
    assert len(tried) == 1
