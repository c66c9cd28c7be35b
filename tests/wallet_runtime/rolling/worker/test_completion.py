"""A completion is never lost, and a frozen wallet is not a failure (RS-1, RS-6)."""

import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import psycopg
import pytest
import redis

from tests.cluster import TestDatabase
from tests.wallet_runtime.events import Player
from tests.wallet_runtime.line import Line, Look
from tests.wallet_runtime.processes import open_process
from tests.wallet_runtime.serving import FarService, serving
from wallet_runtime.contract.codes import MAINTENANCE
from wallet_runtime.contract.events import ROLLING_COMPLETED, ROLLING_STREAM
from wallet_runtime.contract.processes import ROLLING_WORKER, WALLET_SERVICE
from wallet_runtime.plumbing.errors import PassedThrough
from wallet_runtime.plumbing.events.outbox import Publisher
from wallet_runtime.plumbing.events.streams import Streams
from wallet_runtime.plumbing.http.service_client import ServiceClient
from wallet_runtime.plumbing.runtime.context import Context
from wallet_runtime.plumbing.runtime.health import OK
from wallet_runtime.rolling.worker import ROLLING_OUTBOX
from wallet_runtime.rolling.worker.completion import FAILURES_BOUND, CompletionRetry

COMPLETE = "/internal/wallet/v2/rollings/complete"
STATE = "SELECT state FROM rolling.player_rolling WHERE rolling_id = %s"
RETRY = (
    "SELECT attempts, failures, refusals, last_error, next_at > now() FROM rolling.rolling_retry"
)


@pytest.fixture
def wallet_service() -> FarService:
    """A stub of wallet_service; the test sets its answers."""
    return FarService(WALLET_SERVICE)


@pytest.fixture
def context(
    platform_db: TestDatabase, redis_url: str, wallet_service: FarService
) -> Iterator[Context]:
    with serving(wallet_service.service()) as served:
        url = str(served.client.base_url)
        with open_process(ROLLING_WORKER, platform_db, redis_url, WALLET_SERVICE_URL=url) as opened:
            yield opened


@pytest.fixture
def retry(context: Context) -> CompletionRetry:
    return CompletionRetry(context.database, ServiceClient(context))


@pytest.fixture
def reached(line: Line) -> tuple[Player, UUID]:
    """A player, and a rolling of this player whose target turnover is reached."""
    player = Player()
    rolling_id = line.wallet.require(player, 50)
    line.wallet.settle(player, 50)
    line.run()
    return player, rolling_id


def refuse(wallet_service: FarService, status: int, code: str) -> None:
    wallet_service.answers[COMPLETE] = PassedThrough(status, code, "said the wallet", details={})


def test_a_reached_rolling_is_completed_at_the_wallet_and_announced(
    retry: CompletionRetry,
    reached: tuple[Player, UUID],
    wallet_service: FarService,
    look: Look,
    context: Context,
    redis_url: str,
) -> None:
    player, rolling_id = reached
    assert retry.turn() == 1
    assert retry.turn() == 0
    (call,) = wallet_service.calls
    assert (call.route, call.caller, call.brand_id) == (
        COMPLETE,
        ROLLING_WORKER,
        player.brand_id,
    )
    assert call.request_id == f"rolling-complete-{rolling_id}"
    assert call.body == {"player_id": str(player.player_id), "rolling_id": str(rolling_id)}
    assert look(STATE, rolling_id) == [("COMPLETED",)]
    assert look("SELECT count(*) FROM rolling.rolling_retry") == [(0,)]
    streams = Streams(redis_url)
    assert Publisher(ROLLING_OUTBOX, context.database, streams).turn() == 1
    streams.close()
    with redis.Redis.from_url(redis_url, decode_responses=True) as server:
        ((entry_id, fields),) = server.xrange(ROLLING_STREAM)
    assert look("SELECT publication_no, entry_id FROM rolling.rolling_outbox") == [(1, entry_id)]
    assert (fields["event_type"], fields["brand_id"]) == (
        ROLLING_COMPLETED,
        str(player.brand_id),
    )
    payload = json.loads(fields["payload"])
    assert (payload["rolling_id"], payload["turnover"], payload["state"]) == (
        str(rolling_id),
        "50",
        "COMPLETED",
    )


def test_a_frozen_wallet_is_asked_again_and_is_no_failure(
    retry: CompletionRetry, reached: tuple[Player, UUID], wallet_service: FarService, look: Look
) -> None:
    refuse(wallet_service, 503, MAINTENANCE)
    assert retry.turn() == 1
    assert look(RETRY) == [(1, 0, 0, "MAINTENANCE: said the wallet", True)]
    assert look(STATE, reached[1]) == [("COMPLETING",)]
    assert retry.health() == OK


def test_failures_back_off_and_are_listed_past_the_bound_yet_still_tried(
    retry: CompletionRetry,
    reached: tuple[Player, UUID],
    wallet_service: FarService,
    look: Look,
    superuser: psycopg.Connection[Any],
) -> None:
    refuse(wallet_service, 500, "INTERNAL")
    for _ in range(FAILURES_BOUND):
        superuser.execute("UPDATE rolling.rolling_retry SET next_at = now()")
        retry.turn()
    assert look(STATE, reached[1]) == [("FAILED_COMPLETION",)]
    assert look("SELECT next_at > now() + interval '4 minutes' FROM rolling.rolling_retry") == [
        (True,)
    ]
    assert "10 of 10 tries of completing a rolling failed" in retry.health()
    assert len({call.request_id for call in wallet_service.calls}) == 1
    wallet_service.answers.clear()
    superuser.execute("UPDATE rolling.rolling_retry SET next_at = now()")
    retry.turn()
    assert look(STATE, reached[1]) == [("COMPLETED",)]


def test_a_stored_refusal_is_followed_by_a_new_request_id(
    retry: CompletionRetry,
    reached: tuple[Player, UUID],
    wallet_service: FarService,
    look: Look,
    superuser: psycopg.Connection[Any],
) -> None:
    refuse(wallet_service, 409, "ROLLING_NOT_COMPLETABLE")
    retry.turn()
    wallet_service.answers.clear()
    superuser.execute("UPDATE rolling.rolling_retry SET next_at = now()")
    retry.turn()
    ids = [call.request_id for call in wallet_service.calls]
    assert ids == [f"rolling-complete-{reached[1]}", f"rolling-complete-{reached[1]}-1"]
    assert look(STATE, reached[1]) == [("COMPLETED",)]


def test_a_wallet_that_is_away_loses_nothing(
    platform_db: TestDatabase, redis_url: str, reached: tuple[Player, UUID], look: Look
) -> None:
    with open_process(ROLLING_WORKER, platform_db, redis_url) as context:
        assert CompletionRetry(context.database, ServiceClient(context)).turn() == 1
    ((attempts, failures, refusals, error, later),) = look(RETRY)
    assert (attempts, failures, refusals, later) == (1, 1, 0, True)
    assert error.startswith("UNAVAILABLE")


def test_a_brands_own_ratio_decides_what_completes(
    line: Line, look: Look, superuser: psycopg.Connection[Any], retry: CompletionRetry
) -> None:
    player = Player()
    superuser.execute(
        "INSERT INTO rolling.brand_config (brand_id, completion_ratio_bps) VALUES (%s, 0)",
        [player.brand_id],
    )
    rolling_id = line.wallet.require(player, 50)
    line.run()
    assert look(STATE, rolling_id) == [("COMPLETING",)]
    retry.turn()
    assert look(STATE, rolling_id) == [("COMPLETED",)]
