"""One request id has one effect and one answer, on all copies and after a kill (SPEC 1.3)."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import psycopg
import pytest
from prometheus_client import REGISTRY

from tests.cluster import TestDatabase
from tests.wallet_runtime.serving import (
    PLAYER,
    await_until,
    environment_for,
    free_port,
    internal,
    serving,
    signed,
    start_process,
)
from wallet_runtime.contract.codes import IDEMPOTENCY_ANSWER_PRUNED, IDEMPOTENCY_PAYLOAD_MISMATCH
from wallet_runtime.contract.headers import TOKEN_HEADER
from wallet_runtime.contract.processes import (
    ADMIN_SERVICE,
    GAME_SERVICE,
    PLAYER_SERVICE,
    PROMOTION_SERVICE,
)
from wallet_runtime.plumbing.runtime.database import Database
from wallet_runtime.wallet.api import SERVICE

BET = {"provider_id": "mocksports", "bet_id": "b1"}
STAKE = {**BET, "provider_type": "SPORTS", "round_id": "r1", "amount": "12.00", "currency": "EUR"}
DEPOSIT = {"amount": "10", "currency": "EUR", "bucket": "SPORTS_NORMAL"}
CASH = {"amount": "10", "currency": "EUR"}
LEDGER = "SELECT count(*), sum(abs(delta))::bigint FROM wallet.wallet_ledger"
STORED = "SELECT count(*) FROM wallet.wallet_idempotency"
MISMATCHES = "wallet_idempotency_mismatch_total"
# (route, caller, body, status), in the order in which each request gets its status.
LIFE: tuple[tuple[str, str, dict[str, Any], int], ...] = (
    ("bets/authorize", GAME_SERVICE, STAKE | {"bet_id": "b0"}, 409),
    ("withdrawals/request", PLAYER_SERVICE, CASH, 400),
    ("deposits/approve", PLAYER_SERVICE, DEPOSIT | {"amount": "20.00"}, 200),
    (
        "transfers",
        PLAYER_SERVICE,
        CASH | {"from_bucket": "SPORTS_NORMAL", "to_bucket": "WITHDRAWABLE"},
        409,
    ),
    ("bets/authorize", GAME_SERVICE, STAKE, 200),
    ("bets/settle", GAME_SERVICE, {**BET, "payout": "30"}, 200),
    ("bets/rollback", GAME_SERVICE, BET, 200),
    ("points/award", PROMOTION_SERVICE, {"points": "70", "reference": "mission"}, 200),
    ("points/transfer", PLAYER_SERVICE, {"points": "70", "target": "SPORTS_NORMAL"}, 200),
    (
        "bonuses/issue",
        PROMOTION_SERVICE,
        CASH | {"bucket": "SPORTS_BONUS", "reference": "campaign"},
        200,
    ),
)
Post = Callable[..., tuple[int, dict[str, Any]]]


def _poster(client: httpx.Client) -> Post:
    def post(
        route: str, caller: str, body: dict[str, Any], request_id: str = "same", token: str = ""
    ) -> tuple[int, dict[str, Any]]:
        named = {
            name: value
            for name, value in ({"player_id": str(PLAYER)} | body).items()
            if value is not None
        }
        sent = internal(caller, request_id=request_id) | ({TOKEN_HEADER: token} if token else {})
        person, path = named.pop("person", None), f"/internal/wallet/v2/{route}"
        raw = json.dumps(named).encode()
        sent = (
            sent | {"Content-Type": "application/json"}
            if person is None
            else signed("wallet_service", person, "POST", path, raw, sent)
        )
        answer = client.post(path, content=raw, headers=sent)
        return answer.status_code, answer.json()

    return post


@pytest.fixture
def post(wallet: Database, platform_db: TestDatabase) -> Iterator[Post]:
    """A function that posts to a copy in this process, with the player registered."""
    with serving(SERVICE, platform_db) as served:
        send = _poster(served.client)
        assert send("players", PLAYER_SERVICE, {"currency": "EUR"})[0] == 200
        yield send


@contextmanager
def _process(platform_db: TestDatabase, control_db: TestDatabase) -> Iterator[Post]:
    """Start a second copy as a process, and kill it at the end of the block."""
    port = free_port()
    environment = environment_for(
        "wallet_service",
        port,
        platform_db.dsn("wallet_service"),
        control_db.dsn("wallet_service"),
        COPY="2",
    )
    process = start_process("wallet_service", environment)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10) as client:
            await_until(lambda: _is_ready(client), 20)
            yield _poster(client)
    finally:
        process.kill()
        process.communicate(timeout=10)


def _is_ready(client: httpx.Client) -> bool:
    try:
        return client.get("/health").status_code == 200
    except httpx.TransportError:
        return False


def _row(look: psycopg.Connection[Any], statement: str) -> tuple[Any, ...]:
    row = look.execute(statement.encode()).fetchone()
    assert row is not None
    return tuple(row)


@pytest.mark.slow
def test_a_repeat_gets_the_first_answer_from_every_copy_and_after_a_kill(
    post: Post, platform_db: TestDatabase, control_db: TestDatabase, look: psycopg.Connection
) -> None:
    def play(through: Post) -> list[tuple[int, dict[str, Any]]]:
        return [
            through(route, caller, body, f"life-{number}")
            for number, (route, caller, body, _) in enumerate(LIFE)
        ]

    with _process(platform_db, control_db) as first_copy:
        first = play(first_copy)
    assert [status for status, _ in first] == [status for *_, status in LIFE], first
    held = _row(look, LEDGER)
    assert play(post) == first, "another copy, which has seen none of it"
    with _process(platform_db, control_db) as restarted:
        assert play(restarted) == first, "the copy that was killed, started again"
    assert _row(look, LEDGER) == held


@pytest.mark.parametrize(
    ("route", "caller", "body", "field"),
    [
        ("deposits/approve", PLAYER_SERVICE, DEPOSIT, "amount"),
        ("withdrawals/request", PLAYER_SERVICE, CASH, "amount"),
        ("bets/authorize", GAME_SERVICE, STAKE, "amount"),
        ("bets/settle", GAME_SERVICE, BET, "payout"),
        (
            "bonuses/issue",
            PROMOTION_SERVICE,
            CASH | {"bucket": "SPORTS_BONUS", "reference": "c"},
            "amount",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) and "/" in value else "",
)
def test_one_amount_spelt_three_ways_is_one_payload(
    post: Post, look: psycopg.Connection, route: str, caller: str, body: dict[str, Any], field: str
) -> None:
    if route == "bets/settle":
        post("deposits/approve", PLAYER_SERVICE, DEPOSIT | {"amount": "50"}, "money")
        assert post("bets/authorize", GAME_SERVICE, STAKE, "bet")[0] == 200
    first = post(route, caller, body | {field: "10"})
    assert first[0] in (200, 400, 409)
    held = _row(look, LEDGER)
    counted = REGISTRY.get_sample_value(MISMATCHES) or 0
    for spelt in ("10.0", "10.00"):
        assert post(route, caller, body | {field: spelt}) == first
    assert REGISTRY.get_sample_value(MISMATCHES) == counted
    status, other = post(route, caller, body | {field: "10.01"})
    assert (status, other["code"]) == (409, IDEMPOTENCY_PAYLOAD_MISMATCH)
    assert REGISTRY.get_sample_value(MISMATCHES) == counted + 1
    assert _row(look, LEDGER) == held


def test_an_id_belongs_to_brand_caller_and_route(post: Post, look: psycopg.Connection) -> None:
    answers = [
        post("deposits/approve", PLAYER_SERVICE, DEPOSIT),
        post("deposits/approve", ADMIN_SERVICE, DEPOSIT),
        post("points/award", ADMIN_SERVICE, {"points": "1", "reference": "r"}),
    ]
    assert [status for status, _ in answers] == [200] * 3
    assert answers[0][1]["transaction"]["tx_id"] != answers[1][1]["transaction"]["tx_id"]
    assert _row(look, STORED) == (3,)


def test_a_repeat_after_retention_is_final_and_changes_nothing(
    post: Post, platform_db: TestDatabase, look: psycopg.Connection
) -> None:
    def play() -> list[tuple[int, dict[str, Any]]]:
        return [
            post(route, caller, body, f"life-{number}")
            for number, (route, caller, body, _) in enumerate(LIFE)
        ]

    assert [status for status, _ in play()] == [status for *_, status in LIFE]
    held = _row(look, LEDGER)
    look.execute(
        "UPDATE wallet.wallet_idempotency SET created_at = created_at - interval '91 days'"
    )
    with psycopg.connect(platform_db.dsn("wallet_worker"), autocommit=True) as worker:
        assert worker.execute("SELECT wallet.prune_idempotency('90 days', 100)").fetchone() == (
            len(LIFE),
        )
    for turn in range(2):
        told = [(status, answer["code"]) for status, answer in play()]
        assert told == [(409, IDEMPOTENCY_ANSWER_PRUNED)] * len(LIFE), turn
    assert _row(look, LEDGER) == held
    assert _row(look, STORED) == (0,)


def test_what_was_not_decided_is_never_stored(post: Post, look: psycopg.Connection) -> None:
    """After a 401, 403, 422 or 503, the right request succeeds under the same id."""
    wish = CASH | {
        "account": "CASH/AVAILABLE",
        "direction": "credit",
        "reason": "found",
        "person": "ann",
    }
    asked = post("adjustments/request", ADMIN_SERVICE, wish, "wish")
    tries: list[tuple[int, tuple[int, dict[str, Any]]]] = [
        (401, post("deposits/approve", PLAYER_SERVICE, DEPOSIT, token="wrong")),
        (403, post("deposits/approve", GAME_SERVICE, DEPOSIT)),
        (422, post("deposits/approve", PLAYER_SERVICE, DEPOSIT | {"amount": 10})),
        (422, post("deposits/approve", PLAYER_SERVICE, DEPOSIT | {"amount": "10.001"})),
        (
            422,
            post("deposits/approve", PLAYER_SERVICE, DEPOSIT | {"bucket": "SPORTS_BONUS"}),
        ),
    ]
    look.execute("UPDATE wallet.wallet_gate SET freeze_level = 'sealed'")
    tries.append((503, post("deposits/approve", PLAYER_SERVICE, DEPOSIT)))
    look.execute("UPDATE wallet.wallet_gate SET freeze_level = 'open'")
    assert [found[0] for _, found in tries] == [status for status, _ in tries], tries
    assert _row(look, STORED) == (1,), "the wish for an adjustment alone"
    assert post("deposits/approve", PLAYER_SERVICE, DEPOSIT)[0] == 200
    verdict = {"adjustment_id": asked[1]["adjustment_id"], "player_id": None}
    assert (
        post("adjustments/approve", ADMIN_SERVICE, verdict | {"person": "ann"}, "verdict")[1][
            "code"
        ]
        == "SAME_PERSON"
    )
    assert _row(look, STORED) == (2,), "403"
    assert (
        post("adjustments/approve", ADMIN_SERVICE, verdict | {"person": "bob"}, "verdict")[0] == 200
    )
