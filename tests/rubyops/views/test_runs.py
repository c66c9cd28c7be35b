"""The views of runs, from sound and damaged journals and a real `control`."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from rubyops.engine.session import Session
from rubyops.errors import UsageError
from rubyops.testing.effects import Recorder
from rubyops.views.runs import (
    DamageFacts,
    JournalsView,
    RunFacts,
    RunHead,
    read_run,
    read_runs,
    verify_journals,
)
from rubyops.views.view import plain, released
from tests.chains import as_text, chained
from tests.cluster import TestDatabase
from tests.rubyops.cli.test_damaged_journals import BASE, GONE, GOOD, journal
from tests.rubyops.engine import tiny

TEN = datetime(2026, 11, 20, 10, tzinfo=UTC)


@pytest.fixture
def reader(control_db: TestDatabase, tmp_path: Path) -> Session:
    """The engine on a folder with a good journal, an unfinished one and a damaged one."""
    folder = tmp_path / "journal"
    folder.mkdir()
    (folder / "r-good.ndjson").write_text(journal("r-good"))
    (folder / "r-noend.ndjson").write_text(unended("r-noend"))
    (folder / "r-nostart.ndjson").write_text(journal("r-nostart", 0, playbook=GONE))
    return tiny.session(control_db.dsn("rubyops_ops"), tmp_path, Recorder())


def unended(run_id: str) -> str:
    """The journal of a run that was killed after its first intent."""
    lines: list[dict[str, Any]] = [{"run": run_id, **BASE, **line} for line in GOOD[:2]]
    return as_text(chained(lines))


def test_runs_are_listed_newest_first_with_how_they_ended(reader: Session) -> None:
    view = read_runs(reader, 10)
    assert [(run.id, run.status) for run in view.runs] == [
        ("r-nostart", "unknown"),
        ("r-noend", "unknown"),
        ("r-good", "ok"),
    ]
    damaged, killed, good = view.runs
    assert isinstance(damaged.details, DamageFacts)
    assert damaged.summary.startswith("damaged: ")
    assert killed.summary == "interrupted"
    assert isinstance(good.details, RunFacts)
    assert (good.details.started_at, good.details.exit_code) == (TEN, 0)
    assert released(good)["details"]["started_at"] == "2026-11-20T10:00:00"
    assert [run.id for run in read_runs(reader, 1).runs] == ["r-nostart"]


def test_a_run_is_told_line_by_line(reader: Session) -> None:
    view = read_run(reader, "test", "r-good")
    assert view.headline == "r-good Freeze · finished · by me on here · commit aaaaaaaaaaaa"
    assert [moment.words for moment in view.moments] == [
        f"  intent   {'one/1':28} migrate",
        f"  outcome  {'one/1':28} ok: done",
        "step one: ok: done",
        "run finished, exit 0",
    ]
    assert view.moments[0].at == TEN
    assert isinstance(view.head, RunHead)
    assert plain(view.beside)["run"] == {
        "id": "r-good",
        "faults": [],
        "playbook": "freeze",
        "started_at": "2026-11-20T10:00:00+00:00",
        "state": "finished",
    }
    assert [(step.id, step.status) for step in view.steps] == [("one", "ok")]
    assert view.next_line is None


def test_a_run_that_can_go_on_says_how(reader: Session) -> None:
    view = read_run(reader, "test", "r-noend")
    assert view.next_line == "rubyops runs resume r-noend -e test"
    assert [(step.id, step.status) for step in view.steps] == [("one", "unknown")]


def test_a_damaged_run_tells_its_faults_and_asks_for_a_look(reader: Session) -> None:
    view = read_run(reader, "test", "r-nostart")
    assert (view.headline, view.steps) == (None, ())
    assert view.head.faults
    assert list(plain(view.beside)["run"]) == ["id", "faults"]
    assert view.next_line == "rubyops runs verify r-nostart -e test"


def test_a_run_that_is_not_there_is_a_usage_error(reader: Session) -> None:
    with pytest.raises(UsageError, match="there is no run r-0"):
        read_run(reader, "test", "r-0")


def test_each_journal_is_judged_by_itself_and_by_its_anchor(reader: Session) -> None:
    items = {item.id: item for item in verify_journals(reader, reader.journals.runs())}
    assert items["r-nostart"].details.faults
    # The good run had effects, but `control` has no anchor of it.
    assert "control has no anchor of this run" in items["r-good"].summary
    assert JournalsView(tuple(items.values())).verdict == "failed"
    lines = reader.reading("r-good").chain.lines
    reader.ports.control.anchor("r-good", lines[-1].seq, lines[-1].hash)
    (sound,) = verify_journals(reader, ["r-good"])
    assert (sound.status, sound.summary, sound.details.ahead) == ("ok", "sound", 0)
    assert JournalsView((sound,)).verdict == "ok"


def test_lines_that_control_did_not_see_are_counted(reader: Session) -> None:
    lines = reader.reading("r-good").chain.lines
    reader.ports.control.anchor("r-good", lines[-3].seq, lines[-3].hash)
    (late,) = verify_journals(reader, ["r-good"])
    assert (late.status, late.details.ahead) == ("ok", 2)
    assert late.summary == (
        "sound; control did not see 2 lines in time, and nothing in there is believed"
    )
