"""GATE-1 accepts a genuine test result, and refuses each way to fake one."""

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from checks.release import gate_01
from rubyops.adapters import whole_suite
from rubyops.adapters.results import KEY_NAME, SealedResults
from rubyops.errors import Refused
from rubyops.model.recorded import SUITES, TESTS
from tests.rubyops.engine.journal.forgeries import rolled_out
from tests.rubyops.engine.journal.proofs import CODE, COMMIT, DIRTY, OTHER, Way, World


def keep_tests(world: World) -> Path:
    return world.sealed.record(
        TESTS, passed=True, counts={"embedded": {"passed": 3000, "skipped": 2}}
    )


def rewritten(**changes: Any) -> Way:
    """Change fields of a sealed result by hand, without a new seal."""

    def way(world: World) -> None:
        path = keep_tests(world)
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))

    return way


def written_by_hand(world: World) -> None:
    path = world.home / "results" / COMMIT / "tests.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"passed": True, "recorded_at": datetime.now(UTC).isoformat()}))


def forged_seal(world: World) -> None:
    keep_tests(world)
    stranger = SealedResults(world.home / "stranger", COMMIT, CODE)
    shutil.copy(stranger.record(TESTS, passed=True), world.home / "results" / COMMIT / "tests.json")


def of_another_suite(world: World) -> None:
    path = world.sealed.record(SUITES, passed=True, suites={})
    path.rename(path.with_name("tests.json"))


def of_another_commit(world: World) -> None:
    path = SealedResults(world.home / "results", OTHER, CODE).record(TESTS, passed=True)
    shutil.copytree(path.parent, path.parent.with_name(COMMIT))


def of_other_files(world: World) -> None:
    SealedResults(world.home / "results", COMMIT, "d" * 64).record(TESTS, passed=True)


def sealed_in_the_future(world: World) -> None:
    path = keep_tests(world)
    row = json.loads(path.read_text())
    del row["seal"]
    path.write_text(
        json.dumps(world.sealed.seal(row | {"recorded_at": "2999-01-01T00:00:00+00:00"}))
    )


def a_key_that_all_can_read(world: World) -> None:
    keep_tests(world)
    (world.home / "results" / KEY_NAME).chmod(0o644)


def a_key_of_somebodys_own(world: World) -> None:
    keep_tests(world)
    (world.home / "results" / KEY_NAME).write_bytes(b"x" * 32)


def a_damaged_key(world: World) -> None:
    keep_tests(world)
    (world.home / "results" / KEY_NAME).write_bytes(b"")


def no_key(world: World) -> None:
    keep_tests(world)
    (world.home / "results" / KEY_NAME).unlink()


def junk(content: bytes) -> Way:
    return lambda world: keep_tests(world).write_bytes(content)


def result_is_a_folder(world: World) -> None:
    path = keep_tests(world)
    path.unlink()
    path.mkdir()


def begun_after_a_pass(world: World) -> None:
    keep_tests(world)
    whole_suite.begin(world.sealed, world.home / "begun.json")


def failed_after_a_pass(world: World) -> None:
    begun_after_a_pass(world)
    whole_suite.fail(world.sealed, world.home / "begun.json", ["mypy"], [])


def ended_without_a_report(world: World) -> None:
    begun_after_a_pass(world)
    with pytest.raises(Refused):
        whole_suite.finish(world.sealed, world.home, world.home / "begun.json", [])


def the_note_of_a_run_that_began(world: World) -> None:
    note = world.home / "begun.json"
    whole_suite.begin(world.sealed, note)
    shutil.copy(note, world.home / "results" / COMMIT / "tests.json")


def in_a_journal(world: World) -> None:
    run_id = rolled_out(world)
    lines = world.lines(run_id)
    next(line for line in lines if line["type"] == "recorded")["suite"] = TESTS
    world.write(run_id, lines)
    world.anchor(run_id, world.lines(run_id)[-1])


def dirty_after_the_tests(world: World) -> None:
    keep_tests(world)
    world.commit = DIRTY


def git_gone_after_the_tests(world: World) -> None:
    keep_tests(world)
    world.commit = "unknown"


RESULTS: list[tuple[Way, str]] = [
    (
        lambda world: None,
        "no recorded result of the test suite for commit aaaaaaaaaaaa; run the tests",
    ),
    (lambda world: world.sealed.record(TESTS, passed=False), "the test suite failed for commit"),
    (written_by_hand, "does not carry the seal"),
    (rewritten(passed="yes"), "does not carry the seal"),
    (rewritten(commit=OTHER), "does not carry the seal"),
    (rewritten(seal=""), "does not carry the seal"),
    (rewritten(seal=None), "does not carry the seal"),
    (rewritten(seal="\ud800"), "does not carry the seal"),
    (the_note_of_a_run_that_began, "carries the seal and is no result"),
    (forged_seal, "does not carry the seal"),
    (of_another_suite, "is the result of the suite 'suites'"),
    (of_another_commit, "is the result of commit bbbbbbbbbbbb"),
    (of_other_files, "is the result of other files of the platform"),
    (sealed_in_the_future, "which is yet to come"),
    (a_key_that_all_can_read, "must be a file that its owner alone can read"),
    (a_key_of_somebodys_own, "does not carry the seal"),
    (a_damaged_key, "is damaged"),
    (no_key, "does not carry the seal"),
    (junk(b"{"), "it is no JSON"),
    (junk(b"\xff\xfe\x00"), "it is no JSON"),
    (junk(b"[" * 100_000), "it is no JSON"),
    (junk(b"[]"), "does not carry the seal"),
    (junk(b" " * 1_000_001), "larger than any result"),
    (result_is_a_folder, "cannot be read"),
    (begun_after_a_pass, "did not come to an end"),
    (failed_after_a_pass, "failed for commit aaaaaaaaaaaa (mypy)"),
    (ended_without_a_report, "failed for commit aaaaaaaaaaaa (no report of pytest was handed over"),
    (in_a_journal, "no recorded result"),
    (
        dirty_after_the_tests,
        "no recorded result of the test suite for commit aaaaaaaaaaaa-dirty-0123456789ab",
    ),
    (git_gone_after_the_tests, "git does not tell the commit"),
]


@pytest.mark.parametrize(
    ("way", "words"),
    RESULTS,
    ids=[f"{number}-{words[:40]}" for number, (_, words) in enumerate(RESULTS)],
)
def test_gate_1_is_not_fooled(world: World, way: Way, words: str) -> None:
    way(world)
    finding = gate_01.run(world.read())
    assert finding.status == ("failed" if "failed for commit" in words else "inconclusive")
    assert words in finding.summary


def test_gate_1_believes_a_sealed_result(world: World) -> None:
    path = keep_tests(world)
    finding = gate_01.run(world.read())
    assert finding.ok
    assert finding.summary.endswith("(embedded: 3000 passed, 2 skipped)")
    assert (path.parent.parent / KEY_NAME).stat().st_mode & 0o777 == 0o600


def test_a_result_is_kept_for_no_commit_and_for_none_that_changed_meanwhile(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="git does not tell the commit"):
        SealedResults(tmp_path, "unknown", CODE).record(TESTS, passed=True)
    for now in ((DIRTY, CODE), (COMMIT, "d" * 64)):
        with pytest.raises(Refused, match="changed while its tests ran"):
            SealedResults(tmp_path, COMMIT, CODE, iter((now,)).__next__).record(TESTS, passed=True)
    assert list(tmp_path.rglob("*.json")) == []


def test_looking_makes_no_key(world: World) -> None:
    written_by_hand(world)
    assert not gate_01.run(world.read()).ok
    assert not (world.home / "results" / KEY_NAME).exists()


def test_processes_that_seal_for_the_first_time_at_once_agree_on_the_key(world: World) -> None:
    with ThreadPoolExecutor(8) as pool:
        rows = list(pool.map(lambda number: world.sealed.seal({"number": number}), range(32)))
    assert all(world.sealed.is_sealed(row) for row in rows)
    assert [path.name for path in (world.home / "results").iterdir()] == [KEY_NAME]
