"""rolling_worker runs the loops that its switches turn on."""

from collections.abc import Iterator

import pytest

from tests.cluster import TestDatabase
from tests.wallet_runtime.line import Look
from tests.wallet_runtime.processes import open_process
from tests.wallet_runtime.serving import FarService, serving
from wallet_runtime.contract.processes import ROLLING_WORKER, WALLET_SERVICE
from wallet_runtime.plumbing.events.retention import RetentionHours
from wallet_runtime.plumbing.runtime.context import Context
from wallet_runtime.plumbing.runtime.health import OK, Health
from wallet_runtime.plumbing.runtime.settings import SettingsError
from wallet_runtime.rolling.worker import SERVICE, make_loops
from wallet_runtime.rolling.worker.switches import read_switches


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


def test_switches_are_on_by_default_and_unknown_values_stop_the_start() -> None:
    assert read_switches({}) == read_switches({"ENABLE_OUTBOX_POLLER": "true"})
    assert not read_switches({"ENABLE_EXPIRY_SCHEDULER": "off"}).expiry_scheduler
    with pytest.raises(SettingsError) as refused:
        read_switches({"ENABLE_EVENT_CONSUMER": "maybe", "ENABLE_COMPLETION_RETRY": ""})
    assert len(refused.value.faults) == 2


def test_the_worker_runs_the_loops_that_are_switched_on(context: Context) -> None:
    names = [loop.name for loop in make_loops(context, read_switches({}), RetentionHours())]
    assert names == [
        "event_consumer",
        "outbox_publisher",
        "expiry_scheduler",
        "completion_retry",
        "retention",
    ]
    off = read_switches({"ENABLE_EVENT_CONSUMER": "off", "ENABLE_OUTBOX_POLLER": "0"})
    loops = make_loops(context, off, RetentionHours())
    assert [loop.name for loop in loops] == [
        "expiry_scheduler",
        "completion_retry",
        "retention",
    ]
    health = Health(context, SERVICE.checks, loops)
    health.poll()
    checks = health.answer()["checks"]
    assert [checks[name] for name in ("publishing", "event_order", "completion")] == [OK] * 3


def test_a_stopping_consumer_frees_its_partitions(context: Context, look: Look) -> None:
    consumer_loop = make_loops(context, read_switches({}), RetentionHours())[0]
    consumer_loop.take_turn()
    held = "SELECT count(*) FROM rolling.rolling_partition WHERE holder IS NOT NULL"
    assert look(held) == [(8,)]
    consumer_loop.ask_to_stop()
    consumer_loop.take_turn()
    assert look(held) == [(0,)]
    assert consumer_loop.state().ok
