"""Rollouts whose processes ran or now run other code than the checkout, and the refusals."""

from tests.rubyops.engine.journal.forgeries import rolled_out
from tests.rubyops.engine.journal.proofs import CODE, Way, World
from wallet_runtime.contract.processes import ROLLING_WORKER


def copies_told(code: str | None, process: str = ROLLING_WORKER) -> Way:
    """Roll out while one process reports this code digest."""

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


def now_told(code: str | None) -> Way:
    """Let one process report this code digest after the rollout."""

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


OTHER_CODE: list[tuple[Way, str]] = [
    (copies_told(None), "rolling_worker 1 does not tell which code it runs"),
    (copies_told(""), "rolling_worker 1 does not tell which code it runs"),
    (copies_told("d" * 64), "copies run different code"),
    (a_copy_too_few, "rolling_worker 1 does not tell which code it runs"),
    (all_ran_other_code, "its processes ran code dddddddddddd, and this checkout has cccccccccccc"),
    (now_told("d" * 64), "copies run different code"),
    (now_told(""), "rolling_worker 1 does not tell which code it runs; rubyops up"),
    (now_told(None), "rolling_worker 1 does not tell which code it runs; rubyops up"),
    (edited_after_the_start, "this checkout has dddddddddddd"),
    (a_copy_that_no_driver_keeps, "gateway 9 reports dddddddddddd"),
    (nothing_runs_now, "not tell which code"),
]
