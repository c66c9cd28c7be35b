"""Forged or damaged journals of a rollout, each with the words of its refusal."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from rubyops import bootstrap
from rubyops.model.step import Playbook
from tests.rubyops.engine.journal.proofs import CODE, COMMIT, DIRTY, OTHER, SHIPPED, Way, World
from wallet_runtime.contract.documents import RUBY_UNIFIED_V1


def rolled_out(world: World) -> str:
    report = world.roll_out()
    assert report.state == "finished", report.message
    return report.run_id


def recorded(world: World, run_id: str) -> dict[str, Any]:
    (line,) = [line for line in world.lines(run_id) if line["type"] == "recorded"]
    return line


def edit(world: World, change: Callable[[list[dict[str, Any]]], None], *, hashed: bool) -> None:
    """Roll out, then change the journal; with `hashed`, compute its hash chain again."""
    run_id = rolled_out(world)
    lines = world.lines(run_id)
    change(lines)
    world.write(run_id, lines, hashed=hashed)


def damage(text: str | bytes, at: int = 5) -> Way:
    """Replace one line of the journal by this text or these bytes."""

    def way(world: World) -> None:
        path = world.path(rolled_out(world))
        parts = path.read_bytes().splitlines()
        parts[at] = text.encode() if isinstance(text, str) else text
        path.write_bytes(b"\n".join(parts) + b"\n")

    return way


def misfit(**fields: Any) -> Way:
    """Overwrite or add fields of one line, without new hashes."""

    def way(world: World) -> None:
        def change(lines: list[dict[str, Any]]) -> None:
            lines[5] |= fields

        edit(world, change, hashed=False)

    return way


def hand_written_line(world: World) -> None:
    line = {
        "type": "recorded",
        "suite": "flows:RUBY_SPLIT_V1",
        "result": {"passed": True},
        "run": "r-forged",
        "commit": COMMIT,
    }
    world.write("r-forged", [line | {"environment": "test", "time": datetime.now(UTC).isoformat()}])


def hand_written_journal(world: World) -> None:
    run_id = rolled_out(world)
    lines = [line | {"run": "r-forged"} for line in world.lines(run_id)]
    world.path(run_id).unlink()
    world.write("r-forged", lines)


def a_copy_of_a_run_that_control_never_knew(world: World) -> None:
    hand_written_journal(world)
    world.run("DELETE FROM control.lock_history")


def anchored_and_without_the_lock(world: World) -> None:
    rolled_out(world)
    world.run("DELETE FROM control.lock_history")


def one_step(world: World) -> None:
    whole = bootstrap.playbook(SHIPPED)
    flow = next(step for step in whole.steps if step.id == "flow-1")
    world.roll_out(Playbook("mine", "Mine", "rollout", (flow,), {}, "mine.yaml"))


def one_step_of_the_shipped_name(world: World) -> None:
    whole = bootstrap.playbook(SHIPPED)
    world.roll_out(replace(whole, steps=tuple(step for step in whole.steps if step.id == "flow-1")))


def a_step_left_out(world: World) -> None:
    whole = bootstrap.playbook(SHIPPED)
    world.roll_out(
        replace(whole, steps=tuple(step for step in whole.steps if step.id != "flow-13"))
    )


def covers_cut(world: World) -> None:
    whole = bootstrap.playbook(SHIPPED)
    world.roll_out(
        replace(whole, steps=tuple(replace(step, covers=step.covers[:1]) for step in whole.steps))
    )


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


def shift(world: World, run_id: str, hours: float) -> str:
    """Shift the times of a run by `hours`, as if the operator's clock had been wrong."""
    lines = world.lines(run_id)
    for line in lines:
        line["time"] = (datetime.fromisoformat(line["time"]) + timedelta(hours=hours)).isoformat()
    world.write(run_id, lines)
    world.anchor(run_id, world.lines(run_id)[-1])
    return run_id


def of_the_future(world: World) -> None:
    shift(world, rolled_out(world), 48)


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
    """Cut off the journal after the flows, and with it the failure of a later check."""
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
    """Append passed flows to the journal of a failed run, then resume that run."""
    world.broken = {"FLOW-1"}
    run_id = world.roll_out().run_id
    lines = world.lines(run_id)
    base = {
        name: lines[-1][name] for name in ("run", "who", "host", "commit", "environment", "time")
    }
    steps = [step for step in bootstrap.playbook(SHIPPED).steps if step.name == "flow"]
    ended = [
        base | {"type": "step_finished", "step": s.id, "status": "ok", "summary": "", "details": {}}
        for s in steps
    ]
    result = {"passed": True, "steps": {step.id: "ok" for step in steps}, "code": CODE}
    world.write(
        run_id,
        [
            *lines,
            *ended,
            base | {"type": "recorded", "suite": "flows:RUBY_SPLIT_V1", "result": result},
        ],
    )
    assert world.session().resume(run_id).state == "failed"


def by_a_dry_run(world: World) -> None:
    run_id = rolled_out(world)
    lines = world.lines(run_id)
    lines[0]["dry_run"] = True
    world.write(run_id, lines)
    world.anchor(run_id, world.lines(run_id)[-1])


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


FLOWS: list[tuple[Way, str]] = [
    (
        lambda world: None,
        "no recorded result of the flows on RUBY_SPLIT_V1 for commit aaaaaaaaaaaa; roll out again",
    ),
    (hand_written_line, "does not begin with the start of a run"),
    (hand_written_journal, "its end cannot be told: there is no run r-"),
    (a_copy_of_a_run_that_control_never_knew, "control has no anchor of this run"),
    (anchored_and_without_the_lock, "control does not know that this run took the lock"),
    (one_step, "its playbook 'mine' is not one that ships"),
    (
        one_step_of_the_shipped_name,
        "its steps are not those of the rollout rollout-local that ships, whole",
    ),
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
    (copied, "its end cannot be told: there is no run r-"),
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
    (a_flow_that_was_not_played, "were not all played: FLOW-2 noop"),
    (a_flow_failed, "failed for commit"),
    (a_newer_failure_damaged, "was changed: its hash does not fit its content"),
    (
        a_failure_resumed_under_another_commit,
        "a part of its run was carried out under commit bbbbbbbbbbbb",
    ),
]
