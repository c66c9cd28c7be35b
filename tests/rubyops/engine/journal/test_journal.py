"""A changed, missing, reordered or cut-off line of a journal is detected."""

import json
from pathlib import Path

import pytest

from rubyops.adapters.journal_file import JournalFile, JournalFolder
from rubyops.engine.effect_data import from_data, to_data
from rubyops.engine.journal.chain import compare_with_anchor, read_chain
from rubyops.engine.journal.lines import Origin, StepFinished
from rubyops.engine.journal.run_id import new_run_id
from rubyops.engine.journal.writer import Journal
from rubyops.errors import JournalUnwritable, LockHeld, UsageError
from rubyops.model.json_object import JsonObject
from rubyops.model.secret import Secret
from tests import effects as e

EFFECTS: tuple[e.AnyEffect, ...] = (
    e.StartPlatform(),
    e.StopProcesses(("a", "b")),
    e.StartProcesses(("a",)),
    e.Migrate(),
    e.SeedPlayers(3),
    e.RaiseFreeze("sealed", "why"),
    e.TakeOverFreeze("r-0"),
    e.LiftFreeze("why"),
    e.EndSession(7, "2026-01-01T00:00:00+00:00"),
    e.WaitFor("fine", 1.5),
    e.CallService("wallet_service", "PUT", "/x", {"a": {"b": 1}}, "brand"),
    e.RunFlow("FLOW-1"),
    e.ExportTables(("t",)),
    e.ConfirmDrained(3.0),
    e.Backfill(10, None),
    e.BeginVerification("smoke"),
    e.RecordVerification("smoke"),
)


def told(summary: str, details: JsonObject) -> StepFinished:
    return StepFinished(step="one", status="ok", summary=summary, details=details)


@pytest.fixture
def lines(tmp_path: Path) -> list[str]:
    folder = JournalFolder(tmp_path)
    journal = Journal(folder.create("r-1"), Origin(run="r-1"))
    secret = "hunter2-" + Secret("hunter2-and-3").reveal()
    for number in range(5):
        journal.write(told(secret, {"number": number}))
    journal.close()
    return folder.read("r-1")[0]


@pytest.mark.parametrize("effect", EFFECTS, ids=lambda effect: type(effect).__name__)
def test_every_effect_survives_the_journal(effect: e.AnyEffect) -> None:
    assert from_data(json.loads(json.dumps(to_data(effect)))) == effect


def test_a_sound_journal_has_no_fault_and_no_secret(lines: list[str]) -> None:
    chain = read_chain(lines, ends_whole=True)
    assert (chain.faults, len(chain.lines)) == ((), 5)
    assert "hunter2-and-3" not in "".join(lines)


def test_a_password_of_digits_breaks_no_number(tmp_path: Path) -> None:
    folder = JournalFolder(tmp_path)
    journal = Journal(folder.create("r-1"), Origin(run="r-1"))
    journal.write(told("at " + Secret("81726354").reveal(), {"number": 9_081_726_354}))
    journal.close()
    (line,) = read_chain(folder.read("r-1")[0], ends_whole=True).lines
    assert line.content == told("at ****", {"number": 9_081_726_354})


def test_a_changed_line_shows(lines: list[str]) -> None:
    lines[2] = lines[2].replace('"number":2', '"number":7')
    assert "was changed" in read_chain(lines, ends_whole=True).faults[0]


def test_a_missing_line_shows(lines: list[str]) -> None:
    del lines[2]
    assert "missing or out of order" in read_chain(lines, ends_whole=True).faults[0]


def test_reordered_lines_show(lines: list[str]) -> None:
    lines[1], lines[2] = lines[2], lines[1]
    assert read_chain(lines, ends_whole=True).faults


def test_a_cut_off_end_shows_against_the_anchor(lines: list[str]) -> None:
    whole = read_chain(lines, ends_whole=True)
    head = (whole.lines[-1].seq, whole.lines[-1].hash)
    assert compare_with_anchor(whole, head) is None
    assert "cut off" in str(compare_with_anchor(read_chain(lines[:-1], ends_whole=True), head))
    assert compare_with_anchor(whole, (whole.lines[2].seq, whole.lines[2].hash)) is None, (
        "the file may be ahead"
    )


def test_a_torn_last_line_is_dropped_and_gone_on_from(tmp_path: Path, lines: list[str]) -> None:
    path = tmp_path / "r-1.ndjson"
    with path.open("a") as torn:
        torn.write('{"seq":6,"pr')
    file = JournalFolder(tmp_path).reopen("r-1")
    assert file.drop_torn_end() == 12
    file.close()
    assert path.read_text().splitlines() == lines


def test_run_ids_are_short_and_sort_by_time() -> None:
    ids = [new_run_id(1_800_000_000_000 + number * 1000) for number in range(50)]
    assert ids == sorted(ids)
    assert all(len(run_id) == 14 for run_id in ids)


def test_one_process_at_a_time_has_a_journal_open(tmp_path: Path) -> None:
    folder = JournalFolder(tmp_path)
    first = folder.create("r-1")
    with pytest.raises(LockHeld, match="another process"):
        folder.reopen("r-1")
    first.close()
    folder.reopen("r-1").close()


def test_a_journal_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "journal").write_text("a file where the folder should be")
    with pytest.raises(JournalUnwritable, match="nothing is done"):
        JournalFolder(tmp_path / "journal").create("r-1")


def test_a_full_disk_refuses_the_line(tmp_path: Path) -> None:
    (tmp_path / "r-1.ndjson").symlink_to("/dev/full")
    file = JournalFile(tmp_path / "r-1.ndjson", create=False)
    with pytest.raises(JournalUnwritable, match="No space left"):
        file.append("{}")
    file.close()


def test_a_run_id_cannot_leave_the_folder(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not the id of a run"):
        JournalFolder(tmp_path).read("r-/../../etc/passwd")
