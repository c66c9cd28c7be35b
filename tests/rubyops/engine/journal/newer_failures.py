"""Ways to hide a failed newer rollout behind an older passed one, each with its refusal."""

from tests.rubyops.engine.journal.forgeries import recorded, rolled_out, shift
from tests.rubyops.engine.journal.proofs import OTHER, Way, World


def failed_after_a_pass(world: World) -> str:
    """Roll out, then roll out again and fail; return the id of the failed run."""
    rolled_out(world)
    world.broken = {"FLOW-3"}
    return world.roll_out().run_id


def a_failure_after_the_clock_was_set_back(world: World) -> None:
    shift(world, failed_after_a_pass(world), -1)


def a_failure_with_the_clock_ahead(world: World) -> None:
    shift(world, failed_after_a_pass(world), 48)


def a_failure_removed(world: World) -> None:
    world.path(failed_after_a_pass(world)).unlink()


def a_failure_renamed(world: World) -> None:
    world.path(failed_after_a_pass(world)).rename(world.path("r-0000"))


def a_failure_linked(world: World) -> None:
    path = world.path(failed_after_a_pass(world))
    path.rename(world.home / "elsewhere")
    path.symlink_to(world.home / "elsewhere")


def a_failure_emptied(world: World) -> None:
    world.path(failed_after_a_pass(world)).write_text("")


def a_failure_cut_before_its_result(world: World) -> None:
    run_id = failed_after_a_pass(world)
    lines = world.lines(run_id)
    world.write(run_id, lines[: lines.index(recorded(world, run_id))], hashed=False)


def a_result_left_out(world: World) -> None:
    run_id = failed_after_a_pass(world)
    lines = world.lines(run_id)
    world.write(run_id, [line for line in lines if line["type"] != "recorded"])


def a_result_damaged(world: World) -> None:
    run_id = failed_after_a_pass(world)
    path = world.path(run_id)
    path.write_text(path.read_text().replace('"type":"recorded"', '"type":"rec'))


def a_result_under_another_commit(world: World) -> None:
    """Change the commit in the journal of the failed run."""
    run_id = failed_after_a_pass(world)
    world.write(run_id, [line | {"commit": OTHER} for line in world.lines(run_id)])


def killed_in_its_flows(world: World) -> None:
    """Leave the journal of a newer run that was killed in the middle of a flow."""
    run_id = failed_after_a_pass(world)
    lines = world.lines(run_id)
    last = next(
        line for line in lines if line["type"] == "step_started" and line["step"] == "flow-3"
    )
    world.write(run_id, lines[: lines.index(last) + 1], hashed=False)
    world.anchor(run_id, last)


NEWER_FAILURES: list[tuple[Way, str]] = [
    (a_failure_after_the_clock_was_set_back, "failed for commit"),
    (a_failure_with_the_clock_ahead, "which is yet to come"),
    (a_failure_removed, "its end cannot be told: there is no run r-"),
    (a_failure_renamed, "its end cannot be told: there is no run r-"),
    (a_failure_linked, "is a symbolic link"),
    (a_failure_emptied, "cut off: control has seen line"),
    (a_failure_cut_before_its_result, "cut off: control has seen line"),
    (a_result_left_out, "cut off: control has seen line"),
    (a_result_damaged, "is not a journal line"),
    (a_result_under_another_commit, "is not the one that control has seen"),
    (killed_in_its_flows, "its run began flow-3 and did not come to an end"),
]
