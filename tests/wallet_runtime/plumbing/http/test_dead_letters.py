"""The routes for dead letters: one person may request a replay, a discard needs two persons."""

import json
from collections.abc import Iterator
from uuid import UUID

import psycopg
import pytest
import redis

from tests.cluster import TestDatabase
from tests.wallet_runtime.events import Player
from tests.wallet_runtime.line import BREAK, MEND, OPEN, Line, Look, turn_until
from tests.wallet_runtime.serving import Served, internal, serving, signed
from wallet_runtime.contract.events import OUTBOX_CANARY
from wallet_runtime.contract.processes import ADMIN_SERVICE, OPERATOR, ROLLING_SERVICE
from wallet_runtime.plumbing.events.streams import wallet_stream
from wallet_runtime.rolling.api import SERVICE

TURNOVER = "SELECT turnover FROM rolling.player_rolling WHERE rolling_id = %s"


def _ask(service: Served, number: object, caller: str = OPERATOR) -> tuple[int, str | None]:
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
    turn_until(impatient, look, [("FAILED",), ("HELD_UP",)])
    superuser.execute(MEND)
    with serving(SERVICE, platform_db) as service:
        assert _ask(service, 1, ADMIN_SERVICE) == (403, "FORBIDDEN")
        assert _ask(service, 2) == (409, "DEAD_LETTER_HELD_UP")
        assert [_ask(service, wrong) for wrong in (99, "x", "9" * 30)] == [(404, "NOT_FOUND")] * 3
        assert [_ask(service, 1), _ask(service, 1)] == [(200, None)] * 2
        assert look(
            "SELECT replay_requested_by FROM rolling.rolling_dead_letter WHERE dead_letter_id = 1"
        ) == [(OPERATOR,)]
        turn_until(impatient, look, [])
        assert _ask(service, 2) == (200, None), "it is resolved"


Sent = tuple[int, str | None, str]


def _send(service: Served, path: str, person: str, body: dict[str, str] | None = None) -> Sent:
    raw = b"" if body is None else json.dumps(body).encode()
    path = f"/internal/rolling/dead-letters/{path}"
    headers = signed(ROLLING_SERVICE, person, "POST", path, raw, internal(ADMIN_SERVICE))
    answer = service.client.post(path, content=raw, headers=headers)
    return answer.status_code, answer.json().get("code"), answer.json().get("message", "")


@pytest.fixture
def broken(
    impatient: Line, look: Look, superuser: psycopg.Connection
) -> Iterator[tuple[Line, Player, UUID]]:
    """A player whose first event cannot be applied, so that two later events wait behind it."""
    player = Player(3)
    superuser.execute(BREAK)
    impatient.wallet.require(player, 666)
    rolling_id = impatient.wallet.require(player, 100)
    impatient.wallet.settle(player, 30)
    impatient.publish()
    turn_until(impatient, look, [("FAILED",), ("HELD_UP",), ("HELD_UP",)])
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
        turn_until(line, look, [])
        assert _send(service, "1/discard/confirm", "bob")[0] == 200
    assert look(TURNOVER, rolling_id) == [(30,)]
    assert look("SELECT count(*) FROM rolling.player_rolling") == [(1,)], (
        "the discarded event was not applied"
    )
    kept = (
        "SELECT discard_reason, discard_requested_by, discard_confirmed_by"
        " FROM rolling.rolling_dead_letter WHERE dead_letter_id = 1"
    )
    assert look(kept) == [(why["reason"], "ann", "bob")]
    told = (
        "SELECT a.received FROM rolling.rolling_dead_letter d,"
        " rolling.answer_to(d.event_id, gen_random_uuid()) a WHERE dead_letter_id = 1"
    )
    assert look(told) == [(False,)], "reconciliation misses no rolling"
    line.wallet.settle(player, 7)
    line.run()
    assert look(TURNOVER, rolling_id) == [(37,)]


def test_an_event_that_waits_names_the_one_before_it(
    broken: tuple[Line, Player, UUID], platform_db: TestDatabase
) -> None:
    with serving(SERVICE, platform_db) as service:
        path = "/internal/rolling/dead-letters/3/replay"
        answer = service.client.post(path, json={}, headers=internal(OPERATOR)).json()
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
        turn_until(line, look, [])
        assert _send(service, "1/discard/confirm", "bob")[:2] == (409, "DEAD_LETTER_RESOLVED")
        assert _send(service, "9/discard", "ann", {"reason": "which?"})[:2] == (404, "NOT_FOUND")
        superuser.execute(BREAK)


def test_the_toolkit_may_ask_for_a_discard_and_never_confirm(
    broken: tuple[Line, Player, UUID], platform_db: TestDatabase
) -> None:
    path = "/internal/rolling/dead-letters/1/discard"
    with serving(SERVICE, platform_db) as service:
        asked = service.client.post(
            path, json={"reason": "no such deposit"}, headers=internal(OPERATOR)
        )
        assert (asked.status_code, asked.json()["requested_by"]) == (200, OPERATOR)
        confirmed = service.client.post(f"{path}/confirm", headers=internal(OPERATOR))
        assert confirmed.status_code == 403
        unsigned = service.client.post(f"{path}/confirm", headers=internal(ADMIN_SERVICE))
        assert (unsigned.status_code, unsigned.json()["code"]) == (403, "PERSON_NOT_SIGNED")
        assert _send(service, "1/discard/confirm", "bob")[0] == 200


def test_the_database_refuses_a_discard_by_one_person(
    broken: tuple[Line, Player, UUID], superuser: psycopg.Connection
) -> None:
    for name, key in (("ann", "k2"), ("bob", "k1")):
        alone = (
            "UPDATE rolling.rolling_dead_letter SET discard_reason = 'x',"
            " discard_requested_by = 'ann', discard_requested_key = 'k1',"
            " discard_requested_at = now(), discard_confirmed_by = %s,"
            " discard_confirmed_key = %s, discard_confirmed_at = now()"
        )
        with pytest.raises(psycopg.errors.CheckViolation):
            superuser.execute(alone, [name, key])


def test_a_malformed_entry_holds_nobody_up_and_can_be_discarded(
    impatient: Line, look: Look, platform_db: TestDatabase, redis_url: str
) -> None:
    player = Player(3)
    rolling_id = impatient.wallet.require(player, 100)
    impatient.run()
    event_id = impatient.wallet.write(player, OUTBOX_CANARY)
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
        turn_until(impatient, look, [])
    assert look("SELECT event_no FROM rolling.rolling_position") == [(3,)]
