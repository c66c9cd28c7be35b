"""A dry-run writes its end to the journal, however it ends."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rubyops.engine.journal.lines import RunFinished
from rubyops.engine.session import Session
from rubyops.errors import Interrupted, RubyopsError, Terminated, Unreachable, WriteAttempted
from rubyops.model.finding import Finding, passed
from rubyops.model.step import Playbook
from rubyops.testing.effects import Recorder
from tests.cluster import TestDatabase
from tests.rubyops.engine import tiny

LOOKS = tiny.playbook(("first", "fine", None), ("second", "fine", None), kind="verification")


@pytest.fixture
def session(control_db: TestDatabase, tmp_path: Path) -> Session:
    return tiny.session(control_db.dsn("rubyops_ops"), tmp_path, Recorder())


def raising(error: Exception) -> Callable[..., Any]:
    def act(*given: object) -> Any:
        raise error

    return act


def the_end(session: Session) -> RunFinished:
    (run_id,) = session.journals.runs()
    reading = session.reading(run_id)
    assert not reading.faults
    end = reading.chain.lines[-1].content
    assert isinstance(end, RunFinished)
    return end


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (Unreachable("nobody answers", next_command="rubyops up"), "failed"),
        (Interrupted(), "stopped"),
        (Terminated(), "stopped"),
        (ValueError("a fault of ours"), "failed"),
    ],
    ids=lambda value: type(value).__name__,
)
@pytest.mark.parametrize("where", ["check", "proof"])
def test_a_dry_run_that_fails_is_ended(
    session: Session, where: str, error: Exception, state: str
) -> None:
    broken: Any = {where: raising(error)}
    session = replace(session, ports=replace(session.ports, **broken))
    with pytest.raises(RubyopsError) as told:
        session.rehearse(LOOKS)
    end = the_end(session)
    assert (end.state, end.exit_code) == (state, told.value.exit_code)
    assert (end.message, end.next_command) == (told.value.message, told.value.next_command)


def test_a_dry_run_that_wrote_is_ended(session: Session) -> None:
    fault = WriteAttempted("1 of 2 transactions wrote")
    session = replace(session, ports=replace(session.ports, proof=raising(fault)))
    with pytest.raises(WriteAttempted):
        session.rehearse(LOOKS)
    assert the_end(session).exit_code == fault.exit_code


def test_a_dry_run_stops_before_its_next_step(session: Session) -> None:
    asked: list[str] = []

    def stop_after_the_first(name: str) -> Finding:
        asked.append(name)
        session.stop.request()
        return passed("fine")

    stopping = replace(session, ports=replace(session.ports, check=stop_after_the_first))
    with pytest.raises(Interrupted):
        stopping.rehearse(LOOKS)
    assert (len(asked), the_end(session).state) == (1, "stopped")


def test_a_dry_run_that_succeeds_is_planned(session: Session) -> None:
    playbook: Playbook = tiny.playbook(("several", "several", tiny.Params()))
    assert session.rehearse(playbook).state == the_end(session).state == "planned"
