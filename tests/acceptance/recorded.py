"""Recorded evidence for the gates on a live platform, and faults in that evidence."""

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from rubyops.adapters.results import SealedResults
from rubyops.engine.journal.run_id import new_run_id
from rubyops.model.recorded import TESTS
from tests.acceptance.front_door import Player
from tests.acceptance.platform import Live
from tests.chains import as_text, chained

LOCK_TAKEN = (
    "INSERT INTO control.lock_history VALUES (nextval('control.fencing_token'), %s, %s, %s)"
)


@dataclass(frozen=True)
class Stage:
    """A live platform, the commit's results, the rollout's run id, and a player with money."""

    live: Live
    results: SealedResults
    rollout: str
    holder: Player


Plant = Callable[[Stage], AbstractContextManager[object]]


@contextmanager
def no_result(stage: Stage) -> Iterator[None]:
    """Delete the recorded result of the tests."""
    stage.results.record(TESTS, passed=True).unlink()
    yield
    stage.results.record(TESTS, passed=True)


@contextmanager
def failing_result(stage: Stage) -> Iterator[None]:
    """Record that the tests failed."""
    stage.results.record(TESTS, passed=False)
    yield
    stage.results.record(TESTS, passed=True)


@contextmanager
def hand_written_result(stage: Stage) -> Iterator[None]:
    """Write a result file by hand that says the tests passed, without a seal."""
    path = stage.results.record(TESTS, passed=True)
    path.write_text(json.dumps({"passed": True, "recorded_at": datetime.now(UTC).isoformat()}))
    yield
    stage.results.record(TESTS, passed=True)


@contextmanager
def newer_flows(stage: Stage, *, passed: bool, anchored: bool) -> Iterator[None]:
    """Add the journal of a newer rollout whose flows passed or failed.

    With `anchored`, `control` also holds the lock entry and the anchor of that rollout.
    """
    run_id, now = new_run_id(), datetime.now(UTC).isoformat()
    lines = [{**line, "run": run_id, "time": now} for line in stage.live.journal(stage.rollout)]
    for line in lines:
        if line["type"] == "recorded":
            line["result"]["passed"] = passed
    made = chained(lines)
    path = stage.live.environment.home / "journal" / f"{run_id}.ndjson"
    path.write_text(as_text(made))
    with closing(stage.live.superuser("control")) as connection:
        if anchored:
            suites = [line["suite"] for line in made if line["type"] == "recorded"]
            connection.execute(LOCK_TAKEN, [run_id, made[0]["commit"], suites])
            connection.execute(
                "INSERT INTO control.journal_head VALUES (%s, %s, %s)",
                [run_id, made[-1]["seq"], made[-1]["hash"]],
            )
        try:
            yield
        finally:
            path.unlink()
            connection.execute("DELETE FROM control.journal_head WHERE run_id = %s", [run_id])
            connection.execute("DELETE FROM control.lock_history WHERE run_id = %s", [run_id])
