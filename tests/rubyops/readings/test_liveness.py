"""The driver and the heartbeats in a real `control` decide whether a copy runs."""

from dataclasses import replace
from typing import Any

import psycopg
import pytest

from rubyops.errors import Unreachable
from rubyops.ports import Copy
from rubyops.readings.liveness import FRESH_MS, CopyLife, liveness
from tests.checks.live import LiveRead
from tests.cluster import TestDatabase
from tests.wallet_runtime.serving import await_until, environment_for
from wallet_runtime.plumbing.runtime.control_link import ControlLink, Report
from wallet_runtime.plumbing.runtime.settings import read_settings

KEPT = Copy("gateway", 1, "http://127.0.0.1:8000", 11, "running")
STALE_MS = FRESH_MS + 500


def beat(
    control: TestDatabase,
    *,
    age_ms: int = 0,
    pid: int = 11,
    copy: int = 1,
    ended: bool = False,
) -> None:
    """Write a heartbeat as a copy of the gateway does, `age_ms` ago."""
    with psycopg.connect(control.superuser_dsn, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO control.service_copy "
            "(process, copy, url, version, pid, acknowledged_epoch, heartbeat_at, detail) "
            "VALUES ('gateway', %s, 'http://127.0.0.1:9', 'v', %s, 7, "
            "clock_timestamp() - %s * interval '1 millisecond', %s::jsonb)",
            [copy, pid, age_ms, '{"ended": true}' if ended else '{"status": "ok"}'],
        )


def seen(control: TestDatabase, *kept: Copy, mute: str | None = None) -> CopyLife:
    (copy,) = liveness(LiveRead(databases={"control": control}, kept=kept, mute=mute)).copies
    return copy


def test_a_copy_that_both_sources_know_runs(control_db: TestDatabase) -> None:
    beat(control_db, age_ms=100)
    copy = seen(control_db, KEPT)
    assert (copy.state, copy.trouble, copy.fresh()) == ("running", None, True)
    assert copy.acknowledged_epoch == 7
    assert 100 <= (copy.heartbeat_age_ms or 0) < FRESH_MS


def test_a_kept_copy_that_does_not_report_is_silent(control_db: TestDatabase) -> None:
    never = seen(control_db, KEPT)
    assert never.state == "silent"
    assert (never.trouble or "").startswith("gateway copy 1: never reported a heartbeat")
    beat(control_db, age_ms=STALE_MS)
    hung = seen(control_db, KEPT)
    assert hung.state == "silent"
    assert "though the driver says running (pid 11)" in (hung.trouble or "")


def test_a_copy_that_said_goodbye_is_stopped_at_once(control_db: TestDatabase) -> None:
    beat(control_db, ended=True)
    copy = seen(control_db, replace(KEPT, pid=0, state="stopped"))
    assert (copy.state, copy.trouble, copy.fresh()) == ("stopped", None, False)


@pytest.mark.parametrize(
    ("kept", "told"),
    [
        ([], "the driver says nothing of it"),
        ([replace(KEPT, pid=0, state="stopped")], "the driver says stopped"),
        ([KEPT], "the driver keeps pid 11"),
    ],
)
def test_a_copy_run_by_hand_is_found(control_db: TestDatabase, kept: list[Copy], told: str) -> None:
    beat(control_db, pid=12)
    copy = seen(control_db, *kept)
    assert copy.state == "unknown to the driver"
    wanted = f"gateway copy 1: pid 12 reports, and {told}: somebody runs it by hand"
    assert copy.trouble == wanted
    assert copy.fresh()


def test_a_copy_that_is_starting_or_was_scaled_away_is_no_trouble(control_db: TestDatabase) -> None:
    assert seen(control_db, replace(KEPT, state="starting")).state == "starting"
    beat(control_db, age_ms=STALE_MS, copy=2)
    life = liveness(LiveRead(databases={"control": control_db}))
    assert [copy.state for copy in life.copies] == ["ended"]
    assert (life.of("gateway"), life.troubles, life.fresh()) == ((), [], ())


def test_a_driver_that_does_not_answer_hides_no_copy(control_db: TestDatabase) -> None:
    beat(control_db)
    beat(control_db, copy=2, age_ms=STALE_MS)
    life = liveness(LiveRead(databases={"control": control_db}, mute="its socket is gone"))
    assert not life.driver_answers
    assert life.troubles == ["the driver does not answer: its socket is gone"]
    assert [copy.state for copy in life.copies] == ["unknown to the driver", "not known"]
    assert {copy.driver_state for copy in life.copies} == {None}
    assert [copy.number for copy in life.fresh()] == [1]
    told = [(copy.trouble or "").partition(" 35")[0] for copy in life.copies]
    assert told == [
        "gateway copy 1: pid 11 reports, and the driver does not answer",
        "gateway copy 2: last heartbeat",
    ]


def test_without_control_nothing_is_said() -> None:
    class Dark(LiveRead):
        def rows(self, query: str, /, **values: Any) -> list[dict[str, Any]]:
            raise Unreachable("control does not answer")

    with pytest.raises(Unreachable, match="control does not answer"):
        liveness(Dark(kept=[KEPT]))


def test_a_real_copy_is_fresh_while_it_runs_and_says_goodbye(control_db: TestDatabase) -> None:
    control = control_db.dsn("gateway")
    link = ControlLink(read_settings("gateway", environment_for("gateway", 8000, control=control)))
    read = LiveRead(databases={"control": control_db})
    link.start(lambda: Report(True, {"status": "ok"}))
    await_until(lambda: len(liveness(read).fresh()) == 1)
    link.stop()
    (copy,) = liveness(read).copies
    assert copy.ended and not copy.fresh()
    assert 0 <= (copy.heartbeat_age_ms or 0) < FRESH_MS
