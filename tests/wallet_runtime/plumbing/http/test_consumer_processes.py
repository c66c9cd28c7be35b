"""A consumer's two processes as the plumbing describes them, with rolling's tables and effects."""

from tests.cluster import TestDatabase
from tests.wallet_runtime.events import Player
from tests.wallet_runtime.line import Line, Look
from tests.wallet_runtime.processes import open_process
from wallet_runtime.contract.processes import ROLLING_SERVICE, ROLLING_WORKER
from wallet_runtime.contract.routes import dead_letter_path
from wallet_runtime.plumbing.http.consumer_processes import consumer_service, consumer_worker
from wallet_runtime.rolling.worker.effects import SUBSCRIPTION


def test_a_worker_applies_events_and_removes_old_claims(
    line: Line, look: Look, platform_db: TestDatabase, redis_url: str
) -> None:
    rolling_id = line.wallet.require(Player(), 100)
    line.publish()
    worker = consumer_worker(SUBSCRIPTION)
    with open_process(ROLLING_WORKER, platform_db, redis_url) as context:
        consumer, retention = worker.loops(context)
        for _ in range(3):
            consumer.take_turn()
        applied = look("SELECT rolling_id FROM rolling.player_rolling")
        look(
            "UPDATE rolling.rolling_inbox SET received_at = now() - interval '15 days' RETURNING 1"
        )
        retention.take_turn()
    assert (worker.process, consumer.name, retention.name) == (
        ROLLING_WORKER,
        "event_consumer",
        "retention",
    )
    assert (applied, look("SELECT count(*) FROM rolling.rolling_inbox")) == (
        [(rolling_id,)],
        [(0,)],
    )


def test_a_service_answers_for_dead_letters() -> None:
    service = consumer_service("rolling")
    assert service.process == ROLLING_SERVICE
    steps = ("replay", "discard", "discard/confirm")
    assert [route.path for route in service.routes] == [
        f"{dead_letter_path('rolling')}/{step}" for step in steps
    ]
