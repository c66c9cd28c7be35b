"""Dead letters are replayed in order after a person's request, and each is applied once."""

import time

import psycopg

from tests.wallet_runtime.conftest import AsRole
from tests.wallet_runtime.events import Player
from tests.wallet_runtime.line import BREAK, MEND, OPEN, Line, Look, turn_until
from wallet_runtime.contract.events import BET_SETTLED_CONFIRMED
from wallet_runtime.plumbing.events.leases import PartitionLease
from wallet_runtime.plumbing.events.replay import Replayer
from wallet_runtime.rolling.worker.effects import SUBSCRIPTION

TURNOVER = "SELECT turnover FROM rolling.player_rolling WHERE rolling_id = %s"
SET_ASIDE_AGAIN = """
INSERT INTO rolling.rolling_dead_letter (stream, entry_id, event_id, event_no, event_type, brand_id,
                                         player_id, fields, reason, error, tries,
                                         replay_requested_at)
SELECT stream, entry_id, event_id, player_version, event_type, brand_id, player_id,
       jsonb_build_object('event_id', event_id, 'event_type', event_type, 'brand_id', brand_id,
                          'player_id', player_id, 'player_version', player_version::text,
                          'event_no', player_version::text,
                          'schema_version', '1', 'occurred_at', '2026-01-01T00:00:00Z',
                          'restore_epoch', '0', 'payload', '{}'),
       'FAILED', 'planted', 1, now()
  FROM rolling.rolling_inbox WHERE event_type = %s
RETURNING 1
"""
ASK = "UPDATE rolling.rolling_dead_letter SET replay_requested_at = now() WHERE dead_letter_id = %s"


def test_a_replay_applies_the_event_and_what_waited_for_it_in_order(
    impatient: Line, look: Look, superuser: psycopg.Connection
) -> None:
    player = Player(3)
    superuser.execute(BREAK)
    rolling_id = impatient.wallet.require(player, 666)
    impatient.wallet.settle(player, 100)
    impatient.wallet.settle(player, 23)
    impatient.publish()
    turn_until(impatient, look, [("FAILED",), ("HELD_UP",), ("HELD_UP",)])
    impatient.run(turns=5)
    assert look(OPEN) == [("FAILED",), ("HELD_UP",), ("HELD_UP",)], (
        "nothing is tried again before a person asks"
    )
    superuser.execute(MEND)
    look(ASK + " RETURNING 1", 1)
    turn_until(impatient, look, [])
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
    turn_until(impatient, look, [("FAILED",)])
    look(ASK + " RETURNING 1", 1)
    turn_until(impatient, look, [("FAILED",)])
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
    turn_until(impatient, look, [("FAILED",)])
    superuser.execute(MEND)
    look("UPDATE wallet.wallet_outbox SET published_at = NULL RETURNING 1")
    impatient.run()
    assert (look(OPEN), look(TURNOVER, rolling_id)) == ([("FAILED",)], []), "a person decides"
    look(ASK + " RETURNING 1", 1)
    turn_until(impatient, look, [])
    assert look(TURNOVER, rolling_id) == [(0,)]


def test_only_the_partitions_holder_replays(
    impatient: Line, look: Look, superuser: psycopg.Connection, as_role: AsRole
) -> None:
    player = Player(3)
    superuser.execute(BREAK)
    rolling_id = impatient.wallet.require(player, 666)
    impatient.publish()
    turn_until(impatient, look, [("FAILED",)])
    superuser.execute(MEND)
    look(ASK + " RETURNING 1", 1)
    another = Replayer(SUBSCRIPTION, as_role("rolling_worker"))
    assert another.replay([PartitionLease(3, "another copy")]) == 0
    assert (look(OPEN), look(TURNOVER, rolling_id)) == ([("FAILED",)], [])


def test_an_event_that_was_applied_meanwhile_is_not_applied_again(
    impatient: Line, look: Look, superuser: psycopg.Connection
) -> None:
    player = Player(3)
    rolling_id = impatient.wallet.require(player, 100)
    impatient.wallet.settle(player, 10)
    impatient.run()
    assert look(SET_ASIDE_AGAIN, BET_SETTLED_CONFIRMED) == [(1,)]
    turn_until(impatient, look, [])
    assert look(TURNOVER, rolling_id) == [(10,)]
