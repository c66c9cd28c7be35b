"""Events set aside are replayed in order once a person asks, by whoever holds their partition, and each is applied once."""

import json
import time
from collections.abc import Iterator
from uuid import UUID

import psycopg
import pytest
import redis

from tests.cluster import TestDatabase
from tests.wallet_runtime.conftest import AsRole
from tests.wallet_runtime.events import Player
from tests.wallet_runtime.rolling.conftest import Line, Look
from tests.wallet_runtime.serving import Served, internal, serving, signed
from wallet_runtime import contract
from wallet_runtime.plumbing.events import consumer, order
from wallet_runtime.plumbing.events.consumer import Consumer
from wallet_runtime.plumbing.events.leases import LeaseLost, PartitionLease
from wallet_runtime.plumbing.events.replay import Replayer
from wallet_runtime.plumbing.events.retention import RetentionHours
from wallet_runtime.plumbing.events.streams import Streams, wallet_stream
from wallet_runtime.rolling.api import SERVICE
from wallet_runtime.rolling.worker import retention_of
from wallet_runtime.rolling.worker.effects import SUBSCRIPTION

BREAK = "ALTER TABLE rolling.player_rolling ADD CONSTRAINT planted CHECK (amount <> 666) NOT VALID"
MEND = "ALTER TABLE rolling.player_rolling DROP CONSTRAINT planted"
OPEN = "SELECT reason FROM rolling.rolling_dead_letter WHERE resolved_at IS NULL ORDER BY dead_letter_id"
TURNOVER = "SELECT turnover FROM rolling.player_rolling WHERE rolling_id = %s"
SET_ASIDE_AGAIN = """
INSERT INTO rolling.rolling_dead_letter (stream, entry_id, event_id, event_no, event_type, brand_id, player_id, fields, reason,
                                         error, tries, replay_requested_at)
SELECT stream, entry_id, event_id, player_version, event_type, brand_id, player_id,
       jsonb_build_object('event_id', event_id, 'event_type', event_type, 'brand_id', brand_id, 'player_id', player_id,
                          'player_version', player_version::text, 'event_no', player_version::text,
                          'schema_version', '1', 'occurred_at', '2026-01-01T00:00:00Z',
                          'restore_epoch', '0', 'payload', '{}'),
       'FAILED', 'planted', 1, now()
  FROM rolling.rolling_inbox WHERE event_type = %s
RETURNING 1
"""
ASK = "UPDATE rolling.rolling_dead_letter SET replay_requested_at = now() WHERE dead_letter_id = %s"


def _turn_until(line: Line, look: Look, expected: list[tuple[str]]) -> None:
    deadline = time.monotonic() + 20
    while look(OPEN) != expected:
        assert time.monotonic() < deadline, f"set aside are {look(OPEN)}, expected {expected}"
        line.consumer.turn()


@pytest.fixture
def impatient(
    line: Line, as_role: AsRole, streams: Streams, monkeypatch: pytest.MonkeyPatch
) -> Line:
    """A line whose consumer tries again at once, and renews its leases, and so looks for replays, at almost every turn."""
    monkeypatch.setattr(order, "FIRST_RETRY_SECONDS", 0.001)
    monkeypatch.setattr(consumer, "BLOCK_MS", 1)
    return Line(
        line.wallet,
        line.publisher,
        Consumer(SUBSCRIPTION, as_role("rolling_worker"), streams, "copy-1", lease_seconds=0.1),
    )


def test_a_replay_applies_the_event_and_what_waited_for_it_in_order(
    impatient: Line, look: Look, superuser: psycopg.Connection
) -> None:
    player = Player(3)
    superuser.execute(BREAK)
    rolling_id = impatient.wallet.require(player, 666)
    impatient.wallet.settle(player, 100)
    impatient.wallet.settle(player, 23)
    impatient.publish()
    _turn_until(impatient, look, [("FAILED",), ("HELD_UP",), ("HELD_UP",)])
    impatient.run(turns=5)
    assert look(OPEN) == [("FAILED",), ("HELD_UP",), ("HELD_UP",)], (
        "nothing is tried again before a person asks"
    )
    superuser.execute(MEND)
    look(ASK + " RETURNING 1", 1)
    _turn_until(impatient, look, [])
    assert look(TURNOVER, rolling_id) == [(123,)]
    impatient.wallet.settle(player, 7)
    impatient.run()
    assert look(TURNOVER, rolling_id) == [(130,)], "the player is not held up any longer"


def test_a_replay_that_fails_again_waits_for_a_person_again(
    impatient: Line, look: Look, superuser: psycopg.Connection
) -> None:
    player = Player(3)
    superuser.execute(BREAK)
    impatient.wallet.require(player, 666)
    impatient.publish()
    _turn_until(impatient, look, [("FAILED",)])
    look(ASK + " RETURNING 1", 1)
    _turn_until(impatient, look, [("FAILED",)])
    deadline = time.monotonic() + 20
    while look(
        "SELECT tries FROM rolling.rolling_dead_letter WHERE replay_requested_at IS NULL"
    ) != [(6,)]:
        assert time.monotonic() < deadline
        impatient.consumer.turn()


def test_what_failed_is_not_tried_again_when_it_comes_again(
    impatient: Line, look: Look, superuser: psycopg.Connection
) -> None:
    player = Player(3)
    superuser.execute(BREAK)
    rolling_id = impatient.wallet.require(player, 666)
    impatient.publish()
    _turn_until(impatient, look, [("FAILED",)])
    superuser.execute(MEND)
    look("UPDATE wallet.wallet_outbox SET published_at = NULL RETURNING 1")
    impatient.run()
    assert (look(OPEN), look(TURNOVER, rolling_id)) == ([("FAILED",)], []), "a person decides"
    look(ASK + " RETURNING 1", 1)
    _turn_until(impatient, look, [])
    assert look(TURNOVER, rolling_id) == [(0,)]


def test_only_the_partitions_holder_replays(
    impatient: Line, look: Look, superuser: psycopg.Connection, as_role: AsRole
) -> None:
    player = Player(3)
    superuser.execute(BREAK)
    rolling_id = impatient.wallet.require(player, 666)
    impatient.publish()
    _turn_until(impatient, look, [("FAILED",)])
    superuser.execute(MEND)
    look(ASK + " RETURNING 1", 1)
    with pytest.raises(LeaseLost):
        Replayer(SUBSCRIPTION, as_role("rolling_worker")).replay(PartitionLease(3, "another copy"))
    assert (look(OPEN), look(TURNOVER, rolling_id)) == ([("FAILED",)], [])


def test_an_event_that_was_applied_meanwhile_is_not_applied_again(
    impatient: Line, look: Look, superuser: psycopg.Connection
) -> None:
    player = Player(3)
    rolling_id = impatient.wallet.require(player, 100)
    impatient.wallet.settle(player, 10)
    impatient.run()
    assert look(SET_ASIDE_AGAIN, contract.BET_SETTLED_CONFIRMED) == [(1,)]
    _turn_until(impatient, look, [])
    assert look(TURNOVER, rolling_id) == [(10,)]


def _ask(
    service: Served, number: object, caller: str = contract.OPERATOR
) -> tuple[int, str | None]:
    answer = service.client.post(
        f"/internal/rolling/dead-letters/{number}/replay", json={}, headers=internal(caller)
    )
    return answer.status_code, answer.json().get("code")


def test_the_operator_asks_for_a_replay(
    impatient: Line, look: Look, superuser: psycopg.Connection, platform_db: TestDatabase
) -> None:
    player = Player(3)
    superuser.execute(BREAK)
    impatient.wallet.require(player, 666)
    impatient.wallet.settle(player, 1)
    impatient.publish()
    _turn_until(impatient, look, [("FAILED",), ("HELD_UP",)])
    superuser.execute(MEND)
    with serving(SERVICE, platform_db) as service:
        assert _ask(service, 1, contract.ADMIN_SERVICE) == (403, "FORBIDDEN")
        assert _ask(service, 2) == (409, "DEAD_LETTER_HELD_UP")
        assert [_ask(service, wrong) for wrong in (99, "x", "9" * 30)] == [(404, "NOT_FOUND")] * 3
        assert [_ask(service, 1), _ask(service, 1)] == [(200, None)] * 2
        assert look(
            "SELECT replay_requested_by FROM rolling.rolling_dead_letter WHERE dead_letter_id = 1"
        ) == [(contract.OPERATOR,)]
        _turn_until(impatient, look, [])
        assert _ask(service, 2) == (200, None), "it is resolved"


Sent = tuple[int, str | None, str]


def _send(service: Served, path: str, person: str, body: dict[str, str] | None = None) -> Sent:
    raw = b"" if body is None else json.dumps(body).encode()
    path = f"/internal/rolling/dead-letters/{path}"
    headers = signed(
        contract.ROLLING_SERVICE, person, "POST", path, raw, internal(contract.ADMIN_SERVICE)
    )
    answer = service.client.post(path, content=raw, headers=headers)
    return answer.status_code, answer.json().get("code"), answer.json().get("message", "")


@pytest.fixture
def broken(
    impatient: Line, look: Look, superuser: psycopg.Connection
) -> Iterator[tuple[Line, Player, UUID]]:
    """A player whose first rolling cannot be applied, with another rolling and a bet behind it."""
    player = Player(3)
    superuser.execute(BREAK)
    impatient.wallet.require(player, 666)
    rolling_id = impatient.wallet.require(player, 100)
    impatient.wallet.settle(player, 30)
    impatient.publish()
    _turn_until(impatient, look, [("FAILED",), ("HELD_UP",), ("HELD_UP",)])
    yield impatient, player, rolling_id
    superuser.execute(MEND)


def test_two_persons_discard_an_event_and_those_behind_it_go_on(
    broken: tuple[Line, Player, UUID], look: Look, platform_db: TestDatabase
) -> None:
    line, player, rolling_id = broken
    why = {"reason": "no such deposit was ever made"}
    with serving(SERVICE, platform_db) as service:
        assert _send(service, "1/discard/confirm", "bob")[:2] == (409, "DISCARD_NOT_REQUESTED")
        assert [_send(service, "1/discard", "ann", why)[0] for _ in range(2)] == [200, 200]
        assert _send(service, "1/discard", "cleo", {"reason": "another"})[:2] == (
            409,
            "DISCARD_REQUESTED",
        )
        assert _send(service, "1/discard/confirm", "Ann ")[:2] == (403, "SAME_PERSON")
        line.run(turns=3)
        assert len(look(OPEN)) == 3, "one person alone discards nothing"
        assert [_send(service, "1/discard/confirm", "bob")[0] for _ in range(2)] == [200, 200]
        _turn_until(line, look, [])
        assert _send(service, "1/discard/confirm", "bob")[0] == 200
    assert look(TURNOVER, rolling_id) == [(30,)]
    assert look("SELECT count(*) FROM rolling.player_rolling") == [(1,)], (
        "the discarded event was not applied"
    )
    kept = "SELECT discard_reason, discard_requested_by, discard_confirmed_by FROM rolling.rolling_dead_letter WHERE dead_letter_id = 1"
    assert look(kept) == [(why["reason"], "ann", "bob")]
    told = "SELECT a.received FROM rolling.rolling_dead_letter d, rolling.answer_to(d.event_id, gen_random_uuid()) a WHERE dead_letter_id = 1"
    assert look(told) == [(False,)], "reconciliation misses no rolling"
    line.wallet.settle(player, 7)
    line.run()
    assert look(TURNOVER, rolling_id) == [(37,)]


def test_an_event_that_waits_names_the_one_before_it(
    broken: tuple[Line, Player, UUID], platform_db: TestDatabase
) -> None:
    with serving(SERVICE, platform_db) as service:
        path = "/internal/rolling/dead-letters/3/replay"
        answer = service.client.post(path, json={}, headers=internal(contract.OPERATOR)).json()
        assert (answer["code"], answer["details"]) == ("DEAD_LETTER_HELD_UP", {"behind": 1})
        assert answer["message"] == "event 3 waits behind 1 of the same player; replay or discard 1"
        assert _send(service, "3/discard", "ann", {"reason": "out of turn"})[:2] == (
            409,
            "DEAD_LETTER_HELD_UP",
        )


def test_what_was_replayed_cannot_be_discarded(
    broken: tuple[Line, Player, UUID],
    look: Look,
    superuser: psycopg.Connection,
    platform_db: TestDatabase,
) -> None:
    line, _, _ = broken
    with serving(SERVICE, platform_db) as service:
        assert _send(service, "1/discard", "ann", {"reason": "never mended"})[0] == 200
        superuser.execute(MEND)
        assert _ask(service, 1) == (200, None)
        _turn_until(line, look, [])
        assert _send(service, "1/discard/confirm", "bob")[:2] == (409, "DEAD_LETTER_RESOLVED")
        assert _send(service, "9/discard", "ann", {"reason": "which?"})[:2] == (404, "NOT_FOUND")
        superuser.execute(BREAK)


def test_the_toolkit_may_ask_for_a_discard_and_never_confirm(
    broken: tuple[Line, Player, UUID], platform_db: TestDatabase
) -> None:
    path = "/internal/rolling/dead-letters/1/discard"
    with serving(SERVICE, platform_db) as service:
        asked = service.client.post(
            path, json={"reason": "no such deposit"}, headers=internal(contract.OPERATOR)
        )
        assert (asked.status_code, asked.json()["requested_by"]) == (200, contract.OPERATOR)
        confirmed = service.client.post(f"{path}/confirm", headers=internal(contract.OPERATOR))
        assert confirmed.status_code == 403
        unsigned = service.client.post(f"{path}/confirm", headers=internal(contract.ADMIN_SERVICE))
        assert (unsigned.status_code, unsigned.json()["code"]) == (403, "PERSON_NOT_SIGNED")
        assert _send(service, "1/discard/confirm", "bob")[0] == 200


def test_the_database_refuses_a_discard_by_one_person(
    broken: tuple[Line, Player, UUID], superuser: psycopg.Connection
) -> None:
    for name, key in (("ann", "k2"), ("bob", "k1")):
        alone = (
            "UPDATE rolling.rolling_dead_letter SET discard_reason = 'x', discard_requested_by = 'ann', discard_requested_key = 'k1',"
            " discard_requested_at = now(), discard_confirmed_by = %s, discard_confirmed_key = %s, discard_confirmed_at = now()"
        )
        with pytest.raises(psycopg.errors.CheckViolation):
            superuser.execute(alone, [name, key])


def test_a_malformed_entry_holds_nobody_up_and_can_be_discarded(
    impatient: Line, look: Look, platform_db: TestDatabase, redis_url: str
) -> None:
    player = Player(3)
    rolling_id = impatient.wallet.require(player, 100)
    impatient.run()
    event_id = impatient.wallet.write(player, contract.OUTBOX_CANARY)
    with redis.Redis.from_url(redis_url) as server:
        forged = {
            "event_id": str(event_id),
            "player_id": str(player.player_id),
            "brand_id": str(player.brand_id),
            "event_no": "2",
        }
        server.xadd(wallet_stream(3), forged)
    impatient.run()
    impatient.wallet.settle(player, 9)
    impatient.run()
    assert (look(TURNOVER, rolling_id), look(OPEN)) == ([(9,)], [("MALFORMED",)])
    with serving(SERVICE, platform_db) as service:
        assert _ask(service, 1) == (200, None)
        impatient.run(turns=1)
        assert _send(service, "1/discard", "ann", {"reason": "no event of ours"})[0] == 200
        assert _send(service, "1/discard/confirm", "bob")[0] == 200
        _turn_until(impatient, look, [])
    assert look("SELECT event_no FROM rolling.rolling_position") == [(3,)]


def test_rolling_removes_what_is_past_its_time(
    impatient: Line, look: Look, as_role: AsRole, streams: Streams
) -> None:
    impatient.wallet.require(Player(3), 10)
    impatient.wallet.require(Player(4), 10)
    impatient.run()
    keeper = retention_of(as_role("rolling_worker"), streams, RetentionHours())
    assert keeper.turn() == 0
    look(
        "UPDATE rolling.rolling_inbox SET received_at = now() - interval '15 days' WHERE stream LIKE '%%3' RETURNING 1"
    )
    assert (keeper.turn(), look("SELECT count(*) FROM rolling.rolling_inbox")) == (1, [(1,)])
    failed = (
        "INSERT INTO rolling.rolling_event_failure (event_id, brand_id, player_id, tries, last_error, last_at)"
        " SELECT gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 1, 'planted', now() - days * interval '1 day'"
        " FROM unnest(ARRAY[13, 15]) AS days RETURNING 1"
    )
    assert len(look(failed)) == 2
    assert (keeper.turn(), look("SELECT count(*) FROM rolling.rolling_event_failure")) == (
        1,
        [(1,)],
    )
