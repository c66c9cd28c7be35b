"""wallet_worker's process: its loop publishes events, and its health reports failures."""

import pytest
from structlog.testing import capture_logs

from tests.cluster import TestDatabase
from tests.wallet_runtime.events import Outbox, Player
from tests.wallet_runtime.processes import open_process
from tests.wallet_runtime.serving import await_until
from wallet_runtime import services
from wallet_runtime.contract.processes import WALLET_WORKER
from wallet_runtime.plumbing.events.streams import Streams, wallet_stream
from wallet_runtime.plumbing.runtime.health import OK
from wallet_runtime.plumbing.runtime.loop import FAILURES_MAX
from wallet_runtime.wallet.worker import SERVICE


def test_it_is_the_process_that_the_table_names() -> None:
    assert services.load(WALLET_WORKER).routes == ()


def test_its_loop_publishes_what_is_committed(
    platform_db: TestDatabase, redis_url: str, wallet_outbox: Outbox, streams: Streams
) -> None:
    with open_process(WALLET_WORKER, platform_db, redis_url) as context:
        loop, *_ = SERVICE.loops(context)
        loop.start()
        wallet_outbox.write(Player(4), "X")
        await_until(lambda: not wallet_outbox.unpublished())
        loop.ask_to_stop()
        assert loop.join(5)
        assert loop.state().ok
        assert loop.checks["publishing"]() == OK
    streams.ensure_group(wallet_stream(4), "g")
    assert streams.fetch([wallet_stream(4)], "g", "c", count=1, block_ms=None) == [wallet_stream(4)]


@pytest.mark.fault
def test_a_redis_that_is_away_turns_it_red(
    platform_db: TestDatabase, wallet_outbox: Outbox
) -> None:
    with open_process(WALLET_WORKER, platform_db, "redis://127.0.0.1:1/0") as context:
        loop, *_ = SERVICE.loops(context)
        wallet_outbox.write(Player(), "X")
        with capture_logs() as lines:
            assert [loop.take_turn() for _ in range(FAILURES_MAX)] == [0] * FAILURES_MAX
        assert {line["error"] for line in lines} == {"PublishFailed"}
        assert not loop.state().ok
        assert "tries of publishing the wallet outbox failed" in loop.checks["publishing"]()
    assert wallet_outbox.unpublished() == 1
