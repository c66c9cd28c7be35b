"""The view of the lock, on its own page and in the overview."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from rubyops.adapters.control import ControlDatabase
from rubyops.adapters.host import this_process
from rubyops.ports import LockState
from rubyops.views.lock import LockView, read_lock
from rubyops.views.view import released

NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)


@pytest.fixture
def held() -> LockState:
    """A lock whose holder is alive."""
    holder = replace(this_process(), who="ann", host="here", pid=7)
    return LockState("r-1", holder, 3, NOON, NOON, gone=False)


def test_a_free_lock_is_told(control: ControlDatabase) -> None:
    view = read_lock("test", control)
    (row,) = (released(item) for item in view.results)
    assert (row["status"], row["summary"], row["details"]) == ("noop", "free", {})
    assert view.resume is None


def test_a_lock_that_is_held_names_its_run_and_token(held: LockState) -> None:
    view = LockView("test", held)
    assert view.results[0].summary == (
        "run r-1 of ann on here, process 7, since 2026-12-01 12:00:00 UTC, token 3"
    )
    assert list(released(view.results[0])["details"]) == ["run", "token", "gone", "expires_at"]
    assert view.resume is None


def test_the_run_of_a_dead_process_can_go_on(held: LockState) -> None:
    view = LockView("test", replace(held, gone=True))
    assert view.resume == "rubyops runs resume r-1 -e test"
