"""A run that takes over a freeze adds a line to the other run's journal, and hides no damage."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from rubyops.adapters.control import ControlDatabase
from rubyops.adapters.database import Link
from rubyops.engine.report import Silent
from rubyops.errors import Unreachable
from rubyops.testing.effects import Recorder
from tests.rubyops.engine import tiny
from tests.rubyops.engine.journal.proofs import OPS, World
from tests.rubyops.engine.test_resume import (
    a_folder,
    a_line_left_out,
    control_forgot,
    cut_before_the_lock,
    cut_off,
    cut_to_nothing,
    edited,
    hashes_made_anew,
    junk,
    replaced,
    stopped,
    symlinked,
)
from tests.rubyops.engine.tiny import Params, playbook

Tamper = Callable[[World, str], object]
TOUCHED_NOT = "was not told that this run took over its freeze"


class Listening(Silent):
    """A reporter that records notes."""

    def __init__(self) -> None:
        """Start without notes."""
        self.told: list[str] = []

    def note(self, text: str) -> None:
        """Record a note."""
        self.told.append(text)


class AwayWhenAsked(ControlDatabase):
    """A control database that does not answer queries for the anchor of run `of`."""

    of = ""

    def head(self, run_id: str) -> tuple[int, str] | None:
        """Return the anchor of every run except `of`."""
        if run_id == self.of:
            raise Unreachable("control does not answer")
        return super().head(run_id)


def adopt(world: World, run_id: str, *, away: bool = False) -> list[str]:
    """Let another run take over the freeze of `run_id`; return its notes."""
    reporter = Listening()
    engine = tiny.session(world.database.dsn(OPS), world.home, Recorder())
    control = AwayWhenAsked(Link(lambda: world.database.dsn(OPS), "control"))
    control.of = run_id if away else ""
    engine = replace(engine, reporter=reporter, ports=replace(engine.ports, control=control))
    taken = engine.start(playbook(("adopt", "adopt", Params(word=run_id))), lambda plan: None)
    assert taken.state == "finished", taken.message
    return reporter.told


def content(world: World, run_id: str) -> bytes | None:
    path = world.path(run_id)
    return path.read_bytes() if path.is_file() else None


def longer_than_its_anchor(world: World, run_id: str) -> None:
    world.anchor(run_id, world.lines(run_id)[-2])


def torn(world: World, run_id: str) -> None:
    longer_than_its_anchor(world, run_id)
    with world.path(run_id).open("ab") as file:
        file.write(b'{"seq":')


WAYS: list[Tamper] = [
    hashes_made_anew,
    longer_than_its_anchor,
    torn,
    control_forgot,
    cut_off,
    cut_to_nothing,
    cut_before_the_lock,
    edited,
    a_line_left_out,
    replaced,
    junk,
    symlinked,
    a_folder,
]


@pytest.mark.parametrize("way", WAYS, ids=[way.__name__ for way in WAYS])
def test_a_journal_that_is_not_the_anchored_one_is_not_touched(world: World, way: Tamper) -> None:
    run_id = stopped(world)
    way(world, run_id)
    before, seen = content(world, run_id), world.control.head(run_id)
    told = adopt(world, run_id)
    assert any(TOUCHED_NOT in note and f"rubyops runs verify {run_id}" in note for note in told), (
        told
    )
    assert content(world, run_id) == before
    assert world.control.head(run_id) == seen


def test_a_journal_is_not_touched_while_control_does_not_answer(world: World) -> None:
    run_id = stopped(world)
    before, seen = content(world, run_id), world.control.head(run_id)
    told = adopt(world, run_id, away=True)
    assert any(TOUCHED_NOT in note and "does not answer" in note for note in told), told
    assert content(world, run_id) == before
    assert world.control.head(run_id) == seen


def test_the_anchored_journal_is_told_and_stays_sound(world: World) -> None:
    run_id = stopped(world)
    with world.path(run_id).open("ab") as file:
        file.write(b'{"seq":')
    assert adopt(world, run_id) == []
    assert world.lines(run_id)[-1]["type"] == "freeze_taken_over"
    engine = tiny.session(world.database.dsn(OPS), world.home, Recorder())
    assert (engine.faults(run_id), engine.ahead(run_id)) == ([], 0)
