"""Ways to make GATE-2 and a backfill believe what was not proved: each is refused, the true proof is not."""

import pytest

from checks.release import gate_02
from commands import backfill
from rubyops import bootstrap
from rubyops.model.recorded import DRY_RUN_PREFIX
from tests.rubyops.engine.forgeries import FLOWS, rolled_out
from tests.rubyops.engine.proofs import COMMIT, DIRTY, OTHER, Way, World


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
