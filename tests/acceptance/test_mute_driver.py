"""A running platform whose driver does not answer is not treated as stopped."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.acceptance.platform import Live

pytestmark = [pytest.mark.slow, pytest.mark.fault]


@contextmanager
def socket_gone(live: Live) -> Iterator[Path]:
    """Rename the supervisor's socket, so that the driver gets no answer; its processes run on."""
    there = live.environment.home / "supervisor" / "supervisor.sock"
    away = there.with_suffix(".away")
    there.rename(away)
    try:
        yield there
    finally:
        if not there.exists():
            away.rename(there)


def test_consumers_behind_a_mute_driver_are_not_called_stopped(live: Live) -> None:
    with socket_gone(live):
        for words in ("stop-consumers", "start-consumers"):
            answer = live.run(words)
            assert answer.code == 4, answer.told
            assert "programs of it live" in answer.told
            assert "Next: rubyops up" in answer.told
    assert live.run("start-consumers").step("start-consumers")["status"] == "noop"


def test_status_shows_what_reports_though_the_driver_is_mute(live: Live) -> None:
    with socket_gone(live):
        answer = live.run("status")
    assert answer.code == 5, answer.told
    rows = {row["id"]: row for row in answer.body["results"]}
    assert rows["gateway 1"]["details"]["state"] == "unknown to the driver"
    assert rows["gateway 1"]["details"]["heartbeat_age_ms"] < 3000
    assert rows["service-health"]["status"] == "inconclusive"


def test_up_takes_a_platform_back_from_a_mute_driver(live: Live) -> None:
    with socket_gone(live):
        answer = live.run("up")
        assert answer.code == 0, answer.told
    live.close()
    assert live.run("up").step("up")["status"] == "noop"
