"""Events set aside are replayed in order once a person asks, by whoever holds their partition, and each is applied once."""

import time

import psycopg
import pytest

from tests.cluster import TestDatabase
from tests.wallet_runtime.conftest import AsRole
from tests.wallet_runtime.events import Player
from tests.wallet_runtime.rolling.conftest import Line, Look
from tests.wallet_runtime.serving import Served, internal, serving
from wallet_runtime import contract
from wallet_runtime.plumbing.retention import Keep
from wallet_runtime.plumbing.streams import Streams
from wallet_runtime.rolling.api import SERVICE
from wallet_runtime.rolling.store import Lease, LeaseLost
from wallet_runtime.rolling.worker import retention_of
from wallet_runtime.rolling.worker.consumer import Consumer
from wallet_runtime.rolling.worker.replay import replay

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
def impatient(line: Line, as_role: AsRole, streams: Streams) -> Line:
    """A line whose consumer renews its leases, and so looks for replays, at almost every turn."""
    return Line(line.wallet, line.publisher, Consumer(as_role("rolling_worker"), streams, "copy-1", lease_seconds=0.5))


def test_a_replay_applies_the_event_and_what_waited_for_it_in_order(impatient: Line, look: Look, superuser: psycopg.Connection) -> None:
    player = Player(3)
    superuser.execute(BREAK)
    rolling_id = impatient.wallet.require(player, 666)
    impatient.wallet.settle(player, 100)
    impatient.wallet.settle(player, 23)
    impatient.publish()
    _turn_until(impatient, look, [("FAILED",), ("HELD_UP",), ("HELD_UP",)])
    impatient.run(turns=5)
    assert look(OPEN) == [("FAILED",), ("HELD_UP",), ("HELD_UP",)], "nothing is tried again before a person asks"
    superuser.execute(MEND)
    look(ASK + " RETURNING 1", 1)
    _turn_until(impatient, look, [])
    assert look(TURNOVER, rolling_id) == [(123,)]
    impatient.wallet.settle(player, 7)
    impatient.run()
    assert look(TURNOVER, rolling_id) == [(130,)], "the player is not held up any longer"


def test_a_replay_that_fails_again_waits_for_a_person_again(impatient: Line, look: Look, superuser: psycopg.Connection) -> None:
    player = Player(3)
    superuser.execute(BREAK)
    impatient.wallet.require(player, 666)
    impatient.publish()
    _turn_until(impatient, look, [("FAILED",)])
    look(ASK + " RETURNING 1", 1)
    _turn_until(impatient, look, [("FAILED",)])
    deadline = time.monotonic() + 20
    while look("SELECT tries FROM rolling.rolling_dead_letter WHERE replay_requested_at IS NULL") != [(6,)]:
        assert time.monotonic() < deadline
        impatient.consumer.turn()


def test_only_the_partitions_holder_replays(impatient: Line, look: Look, superuser: psycopg.Connection, as_role: AsRole) -> None:
    player = Player(3)
    superuser.execute(BREAK)
    rolling_id = impatient.wallet.require(player, 666)
    impatient.publish()
    _turn_until(impatient, look, [("FAILED",)])
    superuser.execute(MEND)
    look(ASK + " RETURNING 1", 1)
    with pytest.raises(LeaseLost):
        replay(as_role("rolling_worker"), Lease(3, "another copy"))
    assert (look(OPEN), look(TURNOVER, rolling_id)) == ([("FAILED",)], [])


def test_an_event_that_was_applied_meanwhile_is_not_applied_again(impatient: Line, look: Look, superuser: psycopg.Connection) -> None:
    player = Player(3)
    rolling_id = impatient.wallet.require(player, 100)
    impatient.wallet.settle(player, 10)
    impatient.run()
    assert look(SET_ASIDE_AGAIN, contract.BET_SETTLED_CONFIRMED) == [(1,)]
    _turn_until(impatient, look, [])
    assert look(TURNOVER, rolling_id) == [(10,)]


def _ask(service: Served, number: object, caller: str = contract.OPERATOR) -> tuple[int, str | None]:
    answer = service.client.post(f"/internal/rolling/dead-letters/{number}/replay", json={}, headers=internal(caller))
    return answer.status_code, answer.json().get("code")


def test_the_operator_asks_for_a_replay(impatient: Line, look: Look, superuser: psycopg.Connection, platform_db: TestDatabase) -> None:
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
        assert look("SELECT replay_requested_by FROM rolling.rolling_dead_letter WHERE dead_letter_id = 1") == [(contract.OPERATOR,)]
        _turn_until(impatient, look, [])
        assert _ask(service, 2) == (200, None), "it is resolved"


def test_rolling_removes_what_is_past_its_time(impatient: Line, look: Look, as_role: AsRole, streams: Streams) -> None:
    impatient.wallet.require(Player(3), 10)
    impatient.wallet.require(Player(4), 10)
    impatient.run()
    keeper = retention_of(as_role("rolling_worker"), streams, Keep())
    assert keeper.turn() == 0
    look("UPDATE rolling.rolling_inbox SET received_at = now() - interval '15 days' WHERE stream LIKE '%%3' RETURNING 1")
    assert (keeper.turn(), look("SELECT count(*) FROM rolling.rolling_inbox")) == (1, [(1,)])
    failed = (
        "INSERT INTO rolling.rolling_event_failure (event_id, brand_id, player_id, tries, last_error, last_at)"
        " SELECT gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 1, 'planted', now() - days * interval '1 day'"
        " FROM unnest(ARRAY[13, 15]) AS days RETURNING 1"
    )
    assert len(look(failed)) == 2
    assert (keeper.turn(), look("SELECT count(*) FROM rolling.rolling_event_failure")) == (1, [(1,)])
