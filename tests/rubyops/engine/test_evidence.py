"""Ways to make a gate believe what was not proved: each is refused, the true proof is not."""

import json
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from checks.release import gate_01, gate_02
from commands import backfill, start_platform
from rubyops import bootstrap
from rubyops.adapters.results import KEY_NAME, SealedResults
from rubyops.cli.platform import _copy_row
from rubyops.errors import Refused
from rubyops.model.recorded import DRY_RUN_PREFIX, SUITES, TESTS
from rubyops.model.step import NoOp, Playbook, Wanted
from rubyops.ports import Copy
from rubyops.running_code import REMEDY
from tests.cluster import TestDatabase
from tests.rubyops.engine.proofs import CODE, COMMIT, World
from wallet_runtime.contract import ROLLING_WORKER, RUBY_UNIFIED_V1

OTHER = "b" * 40
DIRTY = f"{COMMIT}-dirty-0123456789ab"
SHIPPED = "rollout-local"
Way = Callable[[World], object]


@pytest.fixture
def world(control_db: TestDatabase, tmp_path: Path) -> World:
    return World(control_db, tmp_path)


# --- GATE-2: what a rollout leaves behind


def rolled_out(world: World) -> str:
    report = world.roll_out()
    assert report.state == "finished", report.message
    return report.run_id


def recorded(world: World, run_id: str) -> dict[str, Any]:
    (line,) = [line for line in world.lines(run_id) if line["type"] == "recorded"]
    return line


def edit(world: World, change: Callable[[list[dict[str, Any]]], None], *, hashed: bool) -> None:
    """Roll out, and change the journal afterwards."""
    run_id = rolled_out(world)
    lines = world.lines(run_id)
    change(lines)
    world.write(run_id, lines, hashed=hashed)


def damage(text: str | bytes, at: int = 5) -> Way:
    """Put these bytes in place of a line."""

    def way(world: World) -> None:
        path = world.path(rolled_out(world))
        parts = path.read_bytes().splitlines()
        parts[at] = text.encode() if isinstance(text, str) else text
        path.write_bytes(b"\n".join(parts) + b"\n")

    return way


def misfit(**fields: Any) -> Way:
    """Give a line fields that are none of a journal's."""

    def way(world: World) -> None:
        def change(lines: list[dict[str, Any]]) -> None:
            lines[5] |= fields

        edit(world, change, hashed=False)

    return way


def hand_written_line(world: World) -> None:
    line = {"type": "recorded", "suite": "flows:RUBY_SPLIT_V1", "result": {"passed": True}, "run": "r-forged", "commit": COMMIT}
    world.write("r-forged", [line | {"environment": "test", "time": datetime.now(UTC).isoformat()}])


def hand_written_journal(world: World) -> None:
    run_id = rolled_out(world)
    lines = [line | {"run": "r-forged"} for line in world.lines(run_id)]
    world.path(run_id).unlink()
    world.write("r-forged", lines)


def one_step(world: World) -> None:
    whole = bootstrap.playbook(SHIPPED)
    flow = next(step for step in whole.steps if step.id == "flow-1")
    world.roll_out(Playbook("mine", "Mine", "rollout", (flow,), {}, "mine.yaml"))


def one_step_of_the_shipped_name(world: World) -> None:
    whole = bootstrap.playbook(SHIPPED)
    world.roll_out(replace(whole, steps=tuple(step for step in whole.steps if step.id == "flow-1")))


def a_step_left_out(world: World) -> None:
    whole = bootstrap.playbook(SHIPPED)
    world.roll_out(replace(whole, steps=tuple(step for step in whole.steps if step.id != "flow-13")))


def covers_cut(world: World) -> None:
    whole = bootstrap.playbook(SHIPPED)
    world.roll_out(replace(whole, steps=tuple(replace(step, covers=step.covers[:1]) for step in whole.steps)))


def a_task_of_all_its_steps(world: World) -> None:
    world.roll_out(replace(bootstrap.playbook(SHIPPED), kind="task"))


def begun_under_another_commit(world: World) -> None:
    world.commit, world.broken = OTHER, {"single-seed"}
    run_id = world.roll_out().run_id
    world.commit, world.broken = COMMIT, set()
    assert world.session().resume(run_id).state == "finished"


def under(commit: str) -> Way:
    """Roll out under another commit."""

    def way(world: World) -> None:
        world.commit = commit
        rolled_out(world)
        world.commit = COMMIT

    return way


def without_git(world: World) -> None:
    world.commit = "unknown"
    rolled_out(world)


def dirty_now(world: World) -> None:
    rolled_out(world)
    world.commit = DIRTY


def other_environment(world: World) -> None:
    world.environment = "staging"
    rolled_out(world)
    world.environment = "test"


def other_topology(world: World) -> None:
    world.topology, world.idle = RUBY_UNIFIED_V1, {"FLOW-9", "FLOW-10"}
    rolled_out(world)
    world.topology = "RUBY_SPLIT_V1"


def copied(world: World) -> None:
    run_id = rolled_out(world)
    world.path(run_id).rename(world.path("r-copied"))


def symlinked(world: World) -> None:
    path = world.path(rolled_out(world))
    path.rename(world.home / "elsewhere")
    path.symlink_to(world.home / "elsewhere")


def hard_linked(world: World) -> None:
    path = world.path(rolled_out(world))
    path.with_name("r-zzzz.ndjson").hardlink_to(path)


def a_folder(world: World) -> None:
    path = world.path(rolled_out(world))
    path.unlink()
    path.mkdir()


def of_the_future(world: World) -> None:
    run_id = rolled_out(world)
    lines = world.lines(run_id)
    for line in lines:
        line["time"] = (datetime.fromisoformat(line["time"]) + timedelta(days=2)).isoformat()
    world.write(run_id, lines)
    world.anchor(run_id, world.lines(run_id)[-1])


def edited(world: World) -> None:
    world.broken = {"FLOW-3"}
    run_id = world.roll_out().run_id
    lines = world.lines(run_id)
    next(line for line in lines if line["type"] == "recorded")["result"]["passed"] = True
    world.write(run_id, lines, hashed=False)


def hashes_made_anew(world: World) -> None:
    world.broken = {"FLOW-3"}
    run_id = world.roll_out().run_id
    lines = world.lines(run_id)
    next(line for line in lines if line["type"] == "recorded")["result"]["passed"] = True
    world.write(run_id, lines)


def failure_cut_off(world: World) -> None:
    """Take away what came after the flows: here, that a check failed."""
    world.broken = {"snapshots-present"}
    run_id = world.roll_out().run_id
    lines = world.lines(run_id)
    world.write(run_id, lines[: lines.index(recorded(world, run_id)) + 1], hashed=False)


def a_check_failed_after_the_flows(world: World) -> None:
    world.broken = {"snapshots-present"}
    world.roll_out()


def ahead_of_its_anchor(world: World) -> None:
    run_id = rolled_out(world)
    world.anchor(run_id, world.lines(run_id)[-4])


def end_ahead_of_its_anchor(world: World) -> None:
    run_id = rolled_out(world)
    world.anchor(run_id, world.lines(run_id)[-2])


def control_forgot(world: World) -> None:
    world.forget(rolled_out(world))


def washed_by_a_resume(world: World) -> None:
    """Append that all flows passed to a run that failed, and have the engine go on with it."""
    world.broken = {"FLOW-1"}
    run_id = world.roll_out().run_id
    lines = world.lines(run_id)
    base = {name: lines[-1][name] for name in ("run", "who", "host", "commit", "environment", "time")}
    steps = [step for step in bootstrap.playbook(SHIPPED).steps if step.name == "flow"]
    ended = [base | {"type": "step_finished", "step": s.id, "status": "ok", "summary": "", "details": {}} for s in steps]
    result = {"passed": True, "steps": {step.id: "ok" for step in steps}, "code": CODE}
    world.write(run_id, [*lines, *ended, base | {"type": "recorded", "suite": "flows:RUBY_SPLIT_V1", "result": result}])
    assert world.session().resume(run_id).state == "failed"


def by_a_dry_run(world: World) -> None:
    run_id = rolled_out(world)
    lines = world.lines(run_id)
    lines[0]["dry_run"] = True
    world.write(run_id, lines)
    world.anchor(run_id, world.lines(run_id)[-1])


def copies_told(code: str | None, process: str = ROLLING_WORKER) -> Way:
    """Roll out where one process tells this code."""

    def way(world: World) -> None:
        world.told[process] = code
        rolled_out(world)
        world.told[process] = CODE

    return way


def a_copy_too_few(world: World) -> None:
    del world.told[ROLLING_WORKER]
    rolled_out(world)
    world.told[ROLLING_WORKER] = CODE


def all_ran_other_code(world: World) -> None:
    world.told = dict.fromkeys(world.told, "d" * 64)
    rolled_out(world)
    world.told = dict.fromkeys(world.told, CODE)


def a_flow_that_was_not_played(world: World) -> None:
    world.idle = {"FLOW-2", "FLOW-11"}
    rolled_out(world)


def a_flow_failed(world: World) -> None:
    world.broken = {"FLOW-12"}
    world.roll_out()


def a_newer_failure_damaged(world: World) -> None:
    rolled_out(world)
    edited(world)


def a_failure_resumed_under_another_commit(world: World) -> None:
    rolled_out(world)
    world.broken = {"FLOW-5"}
    run_id = world.roll_out().run_id
    world.broken, world.commit = set(), OTHER
    assert world.session().resume(run_id).state == "finished"
    world.commit = COMMIT


def now_told(code: str | None) -> Way:
    """Have one process tell this code after the rollout."""

    def way(world: World) -> None:
        rolled_out(world)
        world.told[ROLLING_WORKER] = code

    return way


def edited_after_the_start(world: World) -> None:
    rolled_out(world)
    world.code = "d" * 64


def a_copy_that_no_driver_keeps(world: World) -> None:
    rolled_out(world)
    world.report_copy("gateway", 9, "d" * 64)


def nothing_runs_now(world: World) -> None:
    rolled_out(world)
    world.told = {}


FLOWS: list[tuple[Way, str]] = [
    (lambda world: None, "no recorded result of the flows on RUBY_SPLIT_V1 for commit aaaaaaaaaaaa; roll out again"),
    (hand_written_line, "does not begin with the start of a run"),
    (hand_written_journal, "control has no anchor of this run"),
    (one_step, "its playbook 'mine' is not one that ships"),
    (one_step_of_the_shipped_name, "its steps are not those of the rollout rollout-local that ships, whole"),
    (a_step_left_out, "its steps are not those of the rollout"),
    (covers_cut, "its steps are not those of the rollout"),
    (a_task_of_all_its_steps, "no recorded result"),
    (begun_under_another_commit, "a part of its run was carried out under commit bbbbbbbbbbbb"),
    (under(OTHER), "recorded under commit bbbbbbbbbbbb, and this checkout is at aaaaaaaaaaaa"),
    (under(DIRTY), "recorded under commit aaaaaaaaaaaa-dirty-0123456789ab, and"),
    (dirty_now, "and this checkout is at aaaaaaaaaaaa-dirty-0123456789ab"),
    (without_git, "git does not tell the commit of this checkout"),
    (other_environment, "it was recorded on staging, and this is test"),
    (other_topology, "no recorded result"),
    (copied, "belongs to run r-"),
    (symlinked, "is a symbolic link; one file stands for one run"),
    (hard_linked, "has 2 names (hard links); one file stands for one run"),
    (a_folder, "is a folder; one file stands for one run"),
    (of_the_future, "which is yet to come"),
    (edited, "was changed: its hash does not fit its content"),
    (hashes_made_anew, "its journal is not the one that control has seen"),
    (failure_cut_off, "cut off: control has seen line"),
    (a_check_failed_after_the_flows, "did not come to a good end (failed)"),
    (ahead_of_its_anchor, "is ahead of the anchor in control"),
    (end_ahead_of_its_anchor, "did not come to a good end (interrupted)"),
    (control_forgot, "control has no anchor of this run"),
    (washed_by_a_resume, "failed for commit"),
    (by_a_dry_run, "it was recorded by a dry-run"),
    (damage("{"), "line 6 is not a journal line: it is no JSON"),
    (damage("[1, 2]"), "line 6 is not a journal line: it is no object, but list"),
    (damage(b"\x00\xff\xfe" * 50), "line 6 is not a journal line"),
    (damage("[" * 100_000), "line 6 is not a journal line"),
    (damage(""), "line 6 is not a journal line"),
    (misfit(seq="5"), "seq missing or not as it has to be"),
    (misfit(seq=True), "seq missing or not as it has to be"),
    (misfit(run=None), "run missing or not as it has to be"),
    (misfit(time="yesterday"), "time missing or not as it has to be"),
    (misfit(type=["recorded"]), "type missing or not as it has to be"),
    (copies_told(None), "rolling_worker 1 does not tell which code it runs"),
    (copies_told(""), "rolling_worker 1 does not tell which code it runs"),
    (copies_told("d" * 64), "copies run different code"),
    (a_copy_too_few, "rolling_worker 1 does not tell which code it runs"),
    (all_ran_other_code, "its processes ran code dddddddddddd, and this checkout has cccccccccccc"),
    (a_flow_that_was_not_played, "were not all played: FLOW-2 noop"),
    (a_flow_failed, "failed for commit"),
    (a_newer_failure_damaged, "was changed: its hash does not fit its content"),
    (a_failure_resumed_under_another_commit, "a part of its run was carried out under commit bbbbbbbbbbbb"),
    (now_told("d" * 64), "copies run different code"),
    (now_told(""), "rolling_worker 1 does not tell which code it runs; rubyops up"),
    (now_told(None), "rolling_worker 1 does not tell which code it runs; rubyops up"),
    (edited_after_the_start, "this checkout has dddddddddddd"),
    (a_copy_that_no_driver_keeps, "gateway 9 reports dddddddddddd"),
    (nothing_runs_now, "not tell which code"),
]


@pytest.mark.parametrize(("way", "words"), FLOWS, ids=[f"{number}-{words[:40]}" for number, (_, words) in enumerate(FLOWS)])
def test_gate_2_is_not_fooled(world: World, way: Way, words: str) -> None:
    way(world)
    finding = gate_02.run(world.read())
    assert finding.status == ("failed" if "failed for commit" in words or "not all played" in words else "inconclusive")
    assert words in finding.summary


def test_gate_2_believes_the_whole_rollout(world: World) -> None:
    run_id = rolled_out(world)
    finding = gate_02.run(world.read())
    assert finding.ok, finding.summary
    assert finding.details["result"]["run"] == run_id  # type: ignore[index]


@pytest.mark.parametrize("given", [{}, {"version": "2", "reason": "another word"}])
def test_gate_2_believes_the_staging_rollout(world: World, given: dict[str, str]) -> None:
    assert world.roll_out(bootstrap.playbook("rollout-staging", given)).state == "finished"
    assert gate_02.run(world.read()).ok


def test_gate_2_believes_a_rollout_that_was_killed_and_resumed(world: World) -> None:
    world.broken = {"FLOW-7"}
    run_id = world.roll_out().run_id
    assert gate_02.run(world.read()).status == "failed"
    world.broken = set()
    assert world.session().resume(run_id).state == "finished"
    assert gate_02.run(world.read()).ok


def test_gate_2_says_that_a_commit_is_dirty(world: World) -> None:
    world.commit = DIRTY
    rolled_out(world)
    assert "aaaaaaaaaaaa-dirty-0123456789ab" in gate_02.run(world.read()).summary


def test_damaged_journals_beside_a_good_one_are_passed_over(world: World) -> None:
    run_id = rolled_out(world)
    world.path("r-junk").write_bytes(bytes(range(256)) * 40)
    world.path("r-empty").touch()
    world.path("r-folder").mkdir()
    world.path("r-loop").symlink_to(world.path("r-loop"))
    assert gate_02.run(world.read()).ok
    readings = {name: world.session().reading(name) for name in world.journals.runs()}
    assert {name for name, reading in readings.items() if not reading.faults} == {run_id}


# --- a backfill: what its dry-run leaves behind

DRY_RUN = f"{DRY_RUN_PREFIX}all"


def dry_run(world: World) -> str:
    return world.session().rehearse(bootstrap.single_step("backfill", backfill.Params())).run_id


def by_a_run(world: World) -> None:
    run_id = dry_run(world)
    lines = world.lines(run_id)
    lines[0]["dry_run"] = False
    world.write(run_id, lines)


def figures_edited(world: World) -> None:
    run_id = dry_run(world)
    lines = world.lines(run_id)
    next(line for line in lines if line["type"] == "recorded")["result"]["created"] = 8
    world.write(run_id, lines, hashed=False)


def dry_run_of_another_commit(world: World) -> None:
    world.commit = OTHER
    dry_run(world)
    world.commit = COMMIT


def dry_run_of_another_environment(world: World) -> None:
    world.environment = "staging"
    dry_run(world)
    world.environment = "test"


def dry_run_copied(world: World) -> None:
    world.path(dry_run(world)).rename(world.path("r-copied"))


DRY_RUNS: list[tuple[Way, str]] = [
    (by_a_run, "it was not recorded by a dry-run"),
    (figures_edited, "was changed: its hash does not fit its content"),
    (dry_run_of_another_commit, "recorded under commit bbbbbbbbbbbb"),
    (dry_run_of_another_environment, "it was recorded on staging"),
    (dry_run_copied, "belongs to run r-"),
]


@pytest.mark.parametrize(("way", "words"), DRY_RUNS, ids=[words for _, words in DRY_RUNS])
def test_a_dry_run_is_not_forged(world: World, way: Way, words: str) -> None:
    way(world)
    evidence = world.read().results(DRY_RUN)
    assert evidence.result is None
    assert words in evidence.because()


def test_a_dry_run_is_believed_without_an_anchor(world: World) -> None:
    run_id = dry_run(world)
    assert world.control.head(run_id) is None
    found = world.read().results(DRY_RUN).result
    assert found is not None and (found["created"], found["run"]) == (7, run_id)


# --- GATE-1: what test runs leave behind


def keep_tests(world: World) -> Path:
    return world.sealed.record(TESTS, passed=True, counts={"embedded": {"passed": 3000}})


def rewritten(**changes: Any) -> Way:
    """Change a sealed result by hand."""

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
    path.write_text(json.dumps(world.sealed.seal(row | {"recorded_at": "2999-01-01T00:00:00+00:00"})))


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
    (lambda world: None, "no recorded result of the test suite for commit aaaaaaaaaaaa; run the tests"),
    (lambda world: world.sealed.record(TESTS, passed=False), "the test suite failed for commit"),
    (written_by_hand, "does not carry the seal"),
    (rewritten(passed="yes"), "does not carry the seal"),
    (rewritten(commit=OTHER), "does not carry the seal"),
    (rewritten(seal=""), "does not carry the seal"),
    (rewritten(seal=None), "does not carry the seal"),
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
    (in_a_journal, "no recorded result"),
    (dirty_after_the_tests, "no recorded result of the test suite for commit aaaaaaaaaaaa-dirty-0123456789ab"),
    (git_gone_after_the_tests, "git does not tell the commit"),
]


@pytest.mark.parametrize(("way", "words"), RESULTS, ids=[f"{number}-{words[:40]}" for number, (_, words) in enumerate(RESULTS)])
def test_gate_1_is_not_fooled(world: World, way: Way, words: str) -> None:
    way(world)
    finding = gate_01.run(world.read())
    assert finding.status == ("failed" if "failed for commit" in words else "inconclusive")
    assert words in finding.summary


def test_gate_1_believes_a_sealed_result(world: World) -> None:
    path = keep_tests(world)
    assert gate_01.run(world.read()).ok
    assert (path.parent.parent / KEY_NAME).stat().st_mode & 0o777 == 0o600


def test_a_result_is_kept_for_no_commit_and_for_none_that_changed_meanwhile(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="git does not tell the commit"):
        SealedResults(tmp_path, "unknown", CODE).record(TESTS, passed=True)
    for now in ((DIRTY, CODE), (COMMIT, "d" * 64)):
        with pytest.raises(Refused, match="changed while its tests ran"):
            SealedResults(tmp_path, COMMIT, CODE, lambda now=now: now).record(TESTS, passed=True)  # type: ignore[misc]
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


# --- up and status


@pytest.mark.parametrize(("code", "wanted"), [(CODE, NoOp), ("d" * 64, Wanted), ("", Wanted), (None, NoOp)])
def test_up_restarts_what_runs_other_code(world: World, code: str | None, wanted: type) -> None:
    world.told[ROLLING_WORKER] = code
    plan = start_platform.plan(start_platform.Params(), world.read())
    assert isinstance(plan, wanted)
    if isinstance(plan, Wanted):
        assert "rolling_worker 1 runs" in str(plan.facts["restarted, because of other code"])


@pytest.mark.parametrize(("code", "words"), [(CODE, ""), ("d" * 64, f"runs other code than this checkout: {REMEDY}"), (None, "timed out")])
def test_status_says_which_copy_runs_other_code(world: World, code: str | None, words: str) -> None:
    world.told[ROLLING_WORKER] = code
    toolkit: Any = SimpleNamespace(reader=world.read())
    assert _copy_row(toolkit, Copy(ROLLING_WORKER, 1, "", 1, "running"))["summary"] == words
