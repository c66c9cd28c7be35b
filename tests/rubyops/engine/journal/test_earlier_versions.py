"""Journals of earlier versions are still read, resumed and accepted as evidence.

`tests/data/journals` holds journals exactly as the engine of each date wrote them. A new version of
the line format adds a file; existing files never change.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from rubyops import bootstrap
from rubyops.effects.service_call import CallService
from rubyops.engine.journal.chain import Chain, anchor_faults, read_chain
from rubyops.engine.journal.evidence import EvidenceBook
from rubyops.engine.journal.history import Remaining, read_history
from rubyops.errors import Refused
from rubyops.model.step import FindCommand
from rubyops.testing.effects import Recorder
from tests.rubyops.engine import tiny
from tests.rubyops.engine.journal.proofs import OPS, World
from tests.rubyops.engine.journal.test_evidence import DRY_RUN
from tests.rubyops.engine.tiny import Params

JOURNALS = Path(__file__).parents[3] / "data" / "journals"
KILLED, RESUMED = "2026-11-21-killed", "2026-11-29-resumed"
TAKEN_OVER, DRY = "2026-12-01-taken-over", "2026-12-01-dry-run"


@dataclass(frozen=True)
class Told:
    """The expected reading of a stored journal."""

    run_id: str
    lines: int
    state: str
    exit_code: int | None
    steps: dict[str, str | None]
    began_under: tuple[str, int] | None = None
    changed: bool = True
    dry_run: bool = False
    commits: tuple[str, ...] = ("c0ffee",)


TOLD = {
    KILLED: Told("r-1r86mxmycyz2", 8, "interrupted", None, {"several": None}),
    RESUMED: Told("r-1r86njwtf0x6", 16, "finished", 0, {"several": "ok"}, ("open", 0)),
    TAKEN_OVER: Told("r-1r86r0zg3zs4", 9, "finished", 0, {"freeze": "ok"}),
    DRY: Told(
        "r-1r86p4w2xanh", 5, "planned", 0, {}, changed=False, dry_run=True, commits=("a" * 40,)
    ),
}


def text_of(name: str) -> str:
    return (JOURNALS / f"{name}.ndjson").read_text()


def chain_of(name: str, text: str | None = None) -> Chain:
    text = text_of(name) if text is None else text
    raw = text.removesuffix("\n").split("\n")
    return read_chain(raw, ends_whole=text.endswith("\n"), run_id=TOLD[name].run_id)


def lay_down(world: World, name: str) -> str:
    """Copy a stored journal into this environment, and write its anchor into `control`."""
    run_id = TOLD[name].run_id
    world.path(run_id).parent.mkdir(parents=True, exist_ok=True)
    world.path(run_id).write_text(text_of(name))
    world.anchor(run_id, world.lines(run_id)[-1])
    return run_id


def test_each_file_is_one_that_is_read_here() -> None:
    assert {path.stem for path in JOURNALS.iterdir()} == set(TOLD)


@pytest.mark.parametrize("name", TOLD)
def test_it_tells_the_run_as_it_was(name: str) -> None:
    told, chain = TOLD[name], chain_of(name)
    assert (chain.faults, chain.torn, chain.newer, len(chain.lines)) == ((), False, "", told.lines)
    assert all(line.v == 1 and line.content is not None for line in chain.lines)
    assert {(line.who, line.host, line.environment) for line in chain.lines} == {
        ("operator", "desk", "test")
    }
    history = read_history(chain.lines)
    assert (history.run_id, history.state, history.exit_code) == (
        told.run_id,
        told.state,
        told.exit_code,
    )
    assert {name: record.status for name, record in history.steps.items()} == told.steps
    assert (history.began_under, history.changed) == (told.began_under, told.changed)
    assert (history.dry_run, history.commits) == (told.dry_run, told.commits)


PLAYBOOKS = {
    KILLED: tiny.playbook(("several", "several", Params(calls=3)), ("last", "fine", None)),
    RESUMED: tiny.playbook(("several", "several", Params())),
    TAKEN_OVER: tiny.playbook(("freeze", "freeze", Params())),
}


@pytest.mark.parametrize("name", PLAYBOOKS)
def test_its_playbook_is_restored(name: str) -> None:
    command: FindCommand = tiny.COMMANDS.__getitem__
    assert read_history(chain_of(name).lines).playbook.restore(command) == PLAYBOOKS[name]


def test_an_effect_without_an_outcome_is_in_doubt() -> None:
    remaining = read_history(chain_of(KILLED).lines).steps["several"].remaining()
    calls = tuple(CallService("wallet_service", "POST", f"/{number}") for number in (1, 2))
    assert remaining == Remaining(2, calls, True)


def test_a_killed_run_is_resumed_from_the_effect_in_doubt(world: World) -> None:
    run_id = lay_down(world, KILLED)
    operate = Recorder()
    engine = tiny.session(world.database.dsn(OPS), world.home, operate)
    assert engine.resume(run_id).state == "finished"
    assert operate.acts[-2:] == [("call", f"{run_id}/several/{number}") for number in (2, 3)]
    assert engine.faults(run_id) == []
    chain = engine.reading(run_id).chain
    assert [line.v for line in chain.lines[:8]] == [1] * 8
    assert world.path(run_id).read_text().startswith(text_of(KILLED))


@pytest.mark.parametrize("name", [RESUMED, TAKEN_OVER, DRY])
def test_a_run_that_ended_is_not_resumed(world: World, name: str) -> None:
    run_id = lay_down(world, name)
    with pytest.raises(Refused, match="there is nothing to resume"):
        tiny.session(world.database.dsn(OPS), world.home, Recorder()).resume(run_id)


def test_the_figures_of_a_dry_run_are_believed(world: World) -> None:
    run_id = lay_down(world, DRY)

    def known(suite: str, commit: str) -> Sequence[str]:
        return ()

    book = EvidenceBook(
        world.facts,
        world.journals,
        world.sealed.newest,
        world.control.head,
        known,
        bootstrap.shipped,
        world.command,
        lambda: datetime(2027, 1, 1, tzinfo=UTC),
    )
    found = book.newest(DRY_RUN)
    assert found.result == {
        "passed": True,
        "created": 7,
        "recorded_at": "2026-12-01T03:09:54.964139+00:00",
        "run": run_id,
        "commit": "a" * 40,
    }
    assert found.doubts == ()


@pytest.mark.parametrize("name", TOLD)
def test_a_change_of_any_byte_shows(name: str) -> None:
    text = text_of(name)
    last = chain_of(name).lines[-1]
    for place in range(0, len(text), 7):
        other = "x" if text[place] != "x" else "y"
        chain = chain_of(name, text[:place] + other + text[place + 1 :])
        faults = (*chain.faults, *anchor_faults(chain, (last.seq, last.hash)))
        assert faults, f"byte {place}, {text[place]!r} changed to {other!r}"
