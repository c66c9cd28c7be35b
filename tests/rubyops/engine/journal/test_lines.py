"""A journal line is read back as written; a reader ignores the fields of later versions."""

import json
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest

from rubyops.adapters.journal_file import JournalFolder
from rubyops.engine.journal import lines as l
from rubyops.engine.journal.chain import read_chain
from rubyops.engine.journal.decode import read_line
from rubyops.engine.journal.stored_playbook import StoredPlaybook, StoredStep
from rubyops.engine.journal.writer import Journal
from rubyops.errors import Refused
from rubyops.testing.effects import Recorder
from rubyops.views.runs import run_item
from tests.chains import as_text, chained
from tests.rubyops.engine import tiny
from tests.rubyops.engine.journal.forgeries import rolled_out
from tests.rubyops.engine.journal.proofs import OPS, World
from tests.rubyops.engine.journal.test_evidence import DRY_RUN, dry_run
from tests.rubyops.engine.test_resume import stopped

ORIGIN = l.Origin(run="r-1", who="me", host="here", commit="c0ffee", environment="test")
LATER = l.FORMAT + 1
STEP = StoredStep(
    id="a", title="A", kind="command", name="several", line=1, covers=("X-1",), params={"calls": 2}
)
PLAYBOOK = StoredPlaybook(
    name="p", title="P", kind="task", source="p.yaml", parameters={"n": 1}, steps=(STEP,)
)
CONTENTS: tuple[l.Content, ...] = (
    l.RunStarted(playbook=PLAYBOOK, dry_run=False, pid=7),
    l.RunResumed(pid=7, anchored=3, plan_digest="p-1", bytes_dropped=2),
    l.PlanShown(plan_digest="p-1", steps=(("a", "skipped", "would call"),)),
    l.DryRunEnded(plan_digest="p-1", proof={"writes": 0}, results=(("a", "ok", ""),)),
    l.LockTaken(token=1, freeze_epoch=2, freeze_level="open"),
    l.StepStarted(step="a"),
    l.StepPlanned(step="a", first=1, effects=({"effect": "Migrate"},), facts={}, reason=""),
    l.EffectIntended(
        step="a", number=1, effect_id="r-1/a/1", effect={"effect": "Migrate"}, words="", token=1
    ),
    l.EffectEnded(
        step="a", number=1, effect_id="r-1/a/1", status="ok", summary="", details={"n": [1, None]}
    ),
    l.StepFinished(step="a", status="ok", summary="done", details={}),
    l.SuiteRecorded(suite="s", result={"passed": True}),
    l.RunFinished(state="finished", exit_code=0, message=None, freeze="open"),
    l.FreezeTakenOver(by_run="r-2", by="me"),
)


def written(folder: Path, *contents: l.Content) -> list[str]:
    journals = JournalFolder(folder)
    journal = Journal(journals.create("r-1"), ORIGIN)
    for content in contents:
        journal.write(content)
    journal.close()
    return journals.read("r-1")[0]


def test_every_type_of_line_comes_back_as_it_was_written(tmp_path: Path) -> None:
    assert {type(content) for content in CONTENTS} == set(get_args(l.Content))
    chain = read_chain(written(tmp_path, *CONTENTS), ends_whole=True, run_id="r-1")
    assert (chain.faults, chain.newer) == ((), "")
    assert tuple(line.content for line in chain.lines) == CONTENTS
    assert {(line.v, line.who, line.commit) for line in chain.lines} == {(1, "me", "c0ffee")}


@pytest.mark.parametrize("kind", get_args(l.Content), ids=lambda kind: kind.__name__)
def test_no_content_takes_a_name_of_the_envelope(kind: type[msgspec.Struct]) -> None:
    envelope = {field.name for field in msgspec.structs.fields(l.Envelope)}
    assert envelope.isdisjoint(field.name for field in msgspec.structs.fields(kind))


MISFITS: list[tuple[dict[str, Any], str]] = [
    ({"pid": True}, "pid"),
    ({"pid": 7.0}, "pid"),
    ({"v": True}, "v"),
    ({"v": 0}, "v"),
    ({"v": "1"}, "v"),
    ({"seq": True}, "seq"),
    ({"dry_run": 0}, "dry_run"),
    ({"dry_run": None, "playbook": 7}, "playbook, dry_run"),
    ({"playbook": {"name": "p", "steps": []}}, "playbook.title, playbook.kind, playbook.source"),
    ({"time": "yesterday"}, "time"),
]


@pytest.mark.parametrize(("fields", "words"), MISFITS, ids=[str(made) for made, _ in MISFITS])
def test_each_field_that_does_not_fit_is_named(
    tmp_path: Path, fields: dict[str, Any], words: str
) -> None:
    (text,) = written(tmp_path, CONTENTS[0])
    told = read_line(json.dumps(json.loads(text) | fields))
    assert isinstance(told, str)
    assert words in told and told.endswith("missing or not as it has to be")


@pytest.mark.parametrize("name", ["who", "host", "commit", "dry_run", "playbook"])
def test_the_first_line_tells_whose_run_it_is(tmp_path: Path, name: str) -> None:
    (text,) = written(tmp_path, CONTENTS[0])
    rest = {key: value for key, value in json.loads(text).items() if key != name}
    assert read_line(json.dumps(rest)) == (
        f"is not a journal line: {name} missing or not as it has to be"
    )


@pytest.mark.parametrize(
    "fields",
    [
        {"half of a pair": "\ud800", "\ud800": 1},
        {"details": {"\ud800": 1}},
        {"details": {"much": float("inf"), "none": float("nan")}},
        {"details": {"large": 10**400}},
    ],
    ids=["name", "inner name", "no number", "large"],
)
def test_odd_content_is_read_and_hashed(tmp_path: Path, fields: dict[str, Any]) -> None:
    (text,) = written(tmp_path, CONTENTS[9])
    (line,) = chained([json.loads(text) | fields])
    found = read_line(json.dumps(line))
    assert isinstance(found, l.Line) and found.digest == found.hash == line["hash"]


def test_a_playbook_with_an_odd_name_in_it_is_named(tmp_path: Path) -> None:
    (text,) = written(tmp_path, CONTENTS[0])
    line = json.loads(text)
    line["playbook"]["\ud800"] = 1
    assert "playbook" in str(read_line(json.dumps(line)))


def test_types_and_fields_of_a_later_version_stay_in_the_chain(world: World) -> None:
    run_id = stopped(world)
    lines = [line | {"more": {"deep": [1]}} for line in world.lines(run_id)]
    lines.insert(3, lines[2] | {"type": "of_later"})
    world.write(run_id, lines)
    world.anchor(run_id, world.lines(run_id)[-1])
    engine = tiny.session(world.database.dsn(OPS), world.home, Recorder())
    assert engine.faults(run_id) == []
    assert engine.reading(run_id).chain.lines[3].content is None
    assert engine.resume(run_id).state == "finished"


@pytest.mark.parametrize("from_line", [0, 2])
def test_a_run_of_a_later_format_is_told_and_not_resumed(world: World, from_line: int) -> None:
    run_id = stopped(world)
    lines = world.lines(run_id)
    world.write(run_id, [*lines[:from_line], *(line | {"v": LATER} for line in lines[from_line:])])
    world.anchor(run_id, world.lines(run_id)[-1])
    before = world.path(run_id).read_bytes()
    engine = tiny.session(world.database.dsn(OPS), world.home, Recorder())
    with pytest.raises(Refused, match="a later version of rubyops wrote in its journal"):
        engine.resume(run_id)
    assert (engine.faults(run_id), world.path(run_id).read_bytes()) == ([], before)
    row = run_item(engine.reading(run_id))
    assert (row.status, row.summary) == ("unknown", engine.reading(run_id).chain.newer)
    assert f"line format {LATER}" in row.summary


@pytest.mark.parametrize("which", ["all", "the record", "a line"])
def test_a_record_of_a_later_format_proves_nothing(world: World, which: str) -> None:
    run_id = rolled_out(world)
    lines = world.lines(run_id)
    assert world.read().results("flows:RUBY_SPLIT_V1").result is not None
    for line in lines:
        if which == "all" or line["type"] == ("recorded" if which == "the record" else "plan"):
            line["v"] = LATER
    world.write(run_id, lines)
    world.anchor(run_id, world.lines(run_id)[-1])
    found = world.read().results("flows:RUBY_SPLIT_V1")
    assert found.result is None
    assert "a later version of rubyops wrote in its journal" in found.because()


def test_a_dry_run_of_a_later_format_proves_nothing(world: World) -> None:
    run_id = dry_run(world)
    world.write(run_id, [line | {"v": LATER} for line in world.lines(run_id)])
    found = world.read().results(DRY_RUN)
    assert found.result is None
    assert "a later version of rubyops wrote in its journal" in found.because()


def test_a_number_too_long_to_read_is_no_json(tmp_path: Path) -> None:
    (text,) = written(tmp_path, CONTENTS[9])
    long = as_text([json.loads(text)]).replace('"v":1', f'"v":{"9" * 5000}')
    assert read_line(long) == "is not a journal line: it is no JSON"
