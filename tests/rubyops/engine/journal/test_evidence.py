"""GATE-2 and a backfill accept genuine evidence, and refuse each forgery."""

import pytest

from checks.release import gate_02
from commands import backfill
from rubyops import bootstrap
from rubyops.model.recorded import DRY_RUN_PREFIX
from rubyops.model.step import Playbook
from tests.rubyops.engine.journal.forgeries import FLOWS, rolled_out, shift
from tests.rubyops.engine.journal.newer_failures import NEWER_FAILURES
from tests.rubyops.engine.journal.other_code import OTHER_CODE
from tests.rubyops.engine.journal.proofs import COMMIT, DIRTY, OTHER, SHIPPED, Way, World
from wallet_runtime.contract.documents import RUBY_SPLIT_V1, RUBY_UNIFIED_V1

WAYS = [*FLOWS, *OTHER_CODE, *NEWER_FAILURES]


@pytest.mark.parametrize(
    ("way", "words"), WAYS, ids=[f"{number}-{words[:40]}" for number, (_, words) in enumerate(WAYS)]
)
def test_gate_2_is_not_fooled(world: World, way: Way, words: str) -> None:
    way(world)
    finding = gate_02.run(world.read())
    assert finding.status == (
        "failed" if "failed for commit" in words or "not all played" in words else "inconclusive"
    )
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


def another_playbook(world: World) -> None:
    world.path(world.roll_out(bootstrap.single_step("backfill", backfill.Params())).run_id).unlink()


def a_failure_before_the_flows(world: World) -> None:
    world.broken = {"single-seed"}
    assert world.roll_out().state == "failed"


def a_failure_of_another_commit(world: World) -> None:
    world.commit, world.broken = OTHER, {"FLOW-3"}
    world.path(world.roll_out().run_id).unlink()
    world.commit = COMMIT


def a_failure_on_another_topology(world: World) -> None:
    world.topology, world.broken = RUBY_UNIFIED_V1, {"FLOW-3"}
    world.path(world.roll_out().run_id).unlink()
    world.topology = RUBY_SPLIT_V1


def a_playbook_of_ones_own(world: World) -> None:
    flow = next(step for step in bootstrap.playbook(SHIPPED).steps if step.id == "flow-1")
    world.broken = {"FLOW-1"}
    world.roll_out(Playbook("mine", "Mine", "rollout", (flow,), {}, "mine.yaml"))


def a_hand_written_pass_of_later(world: World) -> None:
    """Write a journal with a future date, of a run that `control` does not know."""
    lines = [
        line | {"run": "r-zzzz", "time": "2999-01-01T00:00:00+00:00"}
        for line in world.lines(world.journals.runs()[-1])
    ]
    world.write("r-zzzz", lines)


UNDISTURBED: list[Way] = [
    another_playbook,
    a_failure_before_the_flows,
    a_failure_of_another_commit,
    a_failure_on_another_topology,
    a_playbook_of_ones_own,
    a_hand_written_pass_of_later,
]


@pytest.mark.parametrize(
    "way", UNDISTURBED, ids=[getattr(way, "__name__", "") for way in UNDISTURBED]
)
def test_a_newer_run_that_says_nothing_of_the_flows_takes_no_pass_back(
    world: World, way: Way
) -> None:
    run_id = rolled_out(world)
    way(world)
    finding = gate_02.run(world.read())
    assert finding.ok, finding.summary
    assert finding.details["result"]["run"] == run_id  # type: ignore[index]


def test_a_pass_counts_after_a_failure_whose_clock_was_ahead(world: World) -> None:
    world.broken = {"FLOW-3"}
    shift(world, world.roll_out().run_id, 0.01)
    world.broken = set()
    run_id = rolled_out(world)
    finding = gate_02.run(world.read())
    assert finding.ok, finding.summary
    assert finding.details["result"]["run"] == run_id  # type: ignore[index]


def test_a_resume_makes_an_older_run_the_newest_word(world: World) -> None:
    world.broken = {"FLOW-3"}
    first = world.roll_out().run_id
    world.broken = set()
    rolled_out(world)
    assert gate_02.run(world.read()).ok
    world.broken = {"FLOW-5"}
    assert world.session().resume(first).state == "failed"
    assert gate_02.run(world.read()).status == "failed"


# --- a backfill: the evidence of its dry-run

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
