"""The view of copies, from the driver, the heartbeats and /health."""

from typing import Any

import pytest

from rubyops.ports import Copy, HttpAnswer
from rubyops.readings.liveness import CopyLife
from rubyops.running_code import REMEDY
from rubyops.testing.reading import MemoryRead
from rubyops.views.copies import RunningCopyFacts, copy_item, read_copies
from rubyops.views.view import plain
from tests.checks.live import LiveRead
from tests.cluster import TestDatabase
from tests.rubyops.readings.test_liveness import beat
from wallet_runtime.contract.processes import GATEWAY, ROLLING_WORKER

LOOP = {"age_seconds": 0.1, "limit_seconds": 5, "failures": 0, "ok": True}
TURNS = "turns 0.1 s ago"
OTHER = f"runs other code than this checkout: {REMEDY}"
RUNNING = CopyLife(ROLLING_WORKER, 1, True, "running", 1, "", heartbeat_age_ms=9)


def reading(answer: HttpAnswer) -> MemoryRead:
    return MemoryRead(answers={(ROLLING_WORKER, 1, "/health"): answer})


def health(code: str, **more: Any) -> HttpAnswer:
    body = {"process": ROLLING_WORKER, "code": code, "loops": {"turns": LOOP}, **more}
    return HttpAnswer(200, body)


@pytest.mark.parametrize(
    ("answer", "words", "status"),
    [
        (health(""), TURNS, "ok"),
        (health("d" * 64), f"{TURNS}; {OTHER}", "ok"),
        (HttpAnswer(503, {"code": ""}), "", "failed"),
        (HttpAnswer(200, {"process": ROLLING_WORKER}), OTHER, "ok"),
        (HttpAnswer(200, ["another program"]), "", "ok"),
        (HttpAnswer(0, None, "timed out"), "timed out", "failed"),
    ],
)
def test_a_running_copy_tells_its_turns_and_whose_code_it_runs(
    answer: HttpAnswer, words: str, status: str
) -> None:
    item = copy_item(reading(answer), RUNNING)
    assert (item.summary, item.status) == (words, status)


def test_the_facts_of_a_running_copy_are_those_of_its_health() -> None:
    facts = copy_item(reading(health("", version="v2", freeze={"level": "open"})), RUNNING).details
    assert isinstance(facts, RunningCopyFacts)
    assert (facts.version, facts.loops, facts.freeze) == ("v2", {"turns": LOOP}, {"level": "open"})
    assert list(plain(facts))[-3:] == ["loops", "freeze", "code"]


def test_a_copy_that_does_not_run_is_not_asked(control_db: TestDatabase) -> None:
    beat(control_db, age_ms=60_000)
    kept = [Copy(GATEWAY, 1, "http://127.0.0.1:1", 11, "running")]
    view = read_copies(LiveRead(databases={"control": control_db}, kept=kept))
    (item,) = view.copies
    assert (item.id, item.status, item.details.state) == ("gateway 1", "failed", "silent")
    assert "though the driver says running (pid 11)" in item.summary
    assert "loops" not in plain(item.details)


def test_a_driver_that_does_not_answer_is_said_and_hides_no_copy(control_db: TestDatabase) -> None:
    beat(control_db)
    view = read_copies(LiveRead(databases={"control": control_db}, mute="its socket is gone"))
    assert view.driver_error == "its socket is gone"
    assert [item.details.state for item in view.copies] == ["unknown to the driver"]


def test_copies_of_an_earlier_number_are_left_out(control_db: TestDatabase) -> None:
    beat(control_db, copy=2, age_ms=60_000, ended=True)
    assert read_copies(LiveRead(databases={"control": control_db})).copies == ()
