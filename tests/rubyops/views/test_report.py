"""The reports of a run, an error and a plan, each with the command to run next."""

from datetime import UTC, datetime, timedelta

import pytest

from rubyops.engine.report import RunReport, StepResult
from rubyops.errors import Refused
from rubyops.model.exit_code import ExitCode
from rubyops.model.freeze import FreezeTruth
from rubyops.views.error import error_view
from rubyops.views.next_line import in_environment
from rubyops.views.plan import plan_view
from rubyops.views.report import report_view
from rubyops.views.view import plain, released
from wallet_runtime.contract.freeze import Verdict

NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)
STEPS = (
    StepResult("a", "first", "ok", "done", {"rows": 3}, ("LOC-1",)),
    StepResult("b", "second", "failed", "broke"),
    StepResult("c", "third", "ok", "done"),
)
REPORT = RunReport(
    "r-1",
    "rollout-local",
    "staging",
    NOON,
    NOON + timedelta(seconds=2.5),
    "p-1",
    "failed",
    ExitCode.CHECK_FAILED,
    STEPS,
    message="it broke",
    next_command="rubyops runs resume r-1",
    freeze=FreezeTruth(Verdict("open", "open", 0)),
)


def test_a_report_tells_the_run_its_steps_and_the_way_on() -> None:
    view = report_view(REPORT)
    assert view.run.seconds == 2.5
    assert view.counts == {"ok": 2, "failed": 1}
    assert view.next_line == "rubyops runs resume r-1 -e staging"
    assert view.money is not None and view.money.is_open
    beside = plain(view.beside)
    assert beside["run"]["finished_at"] == "2026-12-01T12:00:02.500000+00:00"
    assert (beside["freeze"], beside["money"]["in_force"]) == ("open", "open")
    assert list(beside) == ["run", "message", "next", "freeze", "money", "details", "proof"]


def test_a_step_is_written_with_the_ids_that_it_covers() -> None:
    assert released(report_view(REPORT).results[0]) == {
        "id": "a",
        "title": "first",
        "status": "ok",
        "summary": "done",
        "details": {"rows": 3},
        "covers": ["LOC-1"],
    }


def test_a_plan_names_its_digest() -> None:
    view = plan_view(STEPS, "p-1")
    assert (view.schema, view.beside) == ("rubyops.plan/v1", {"plan_digest": "p-1"})
    assert [item.id for item in view.results] == ["a", "b", "c"]


def test_an_error_stands_in_place_of_results() -> None:
    fault = Refused("not now", next_command="rubyops status", details={"money": "open"})
    view = error_view(fault, "staging")
    assert (view.results, view.error.message) == ((), "not now")
    assert plain(view.beside) == {
        "error": {
            "message": "not now",
            "next": "rubyops status -e staging",
            "details": {"money": "open"},
        }
    }


@pytest.mark.parametrize(
    ("lines", "environment", "named"),
    [
        (None, "staging", None),
        ("rubyops up", None, "rubyops up"),
        ("rubyops up", "local", "rubyops up"),
        ("rubyops up", "staging", "rubyops up -e staging"),
        ("rubyops up -e local", "staging", "rubyops up -e local"),
        ("wait | rubyops up", "staging", "wait   |   rubyops up -e staging"),
    ],
)
def test_a_next_line_names_the_environment_that_is_meant(
    lines: str | None, environment: str | None, named: str | None
) -> None:
    assert in_environment(lines, environment) == named
