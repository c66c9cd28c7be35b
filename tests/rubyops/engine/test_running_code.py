"""A copy that runs other code than the checkout is named and restarted."""

import pytest

from checks.platform import code_current
from commands import start_platform
from rubyops.effects.platform import StartPlatform
from rubyops.model.step import NoOp, Planned
from tests.rubyops.engine.journal.proofs import CODE, World
from wallet_runtime.contract.processes import ROLLING_WORKER


@pytest.mark.parametrize(
    ("code", "wanted"), [(CODE, NoOp), ("d" * 64, Planned), ("", Planned), (None, Planned)]
)
def test_up_restarts_what_runs_other_code(world: World, code: str | None, wanted: type) -> None:
    world.told[ROLLING_WORKER] = code
    plan = start_platform.plan(start_platform.Params(), world.read())
    assert isinstance(plan, wanted)
    if isinstance(plan, Planned) and code is not None:
        assert plan.effects[0] == StartPlatform(((ROLLING_WORKER, 1),))
        told = str(plan.facts["restarted, because of other code"])
        assert "rolling_worker copy 1 runs" in told


def test_up_waits_for_a_copy_that_does_not_answer_and_then_for_its_code(world: World) -> None:
    world.told[ROLLING_WORKER] = None
    plan = start_platform.plan(start_platform.Params(), world.read())
    assert isinstance(plan, Planned)
    assert [getattr(effect, "check", None) for effect in plan.effects] == list(start_platform.READY)
    assert "rolling_worker copy 1: /health does not answer" in str(plan.facts["in doubt"])


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (None, "rolling_worker copy 1: /health does not answer, so nobody knows what it runs"),
        ("d" * 64, "rolling_worker copy 1 runs dddddddddddd, this checkout has cccccccccccc"),
        ("", "rolling_worker copy 1 runs code that tells no digest"),
    ],
)
def test_one_code_is_demanded_and_the_copy_named(
    world: World,
    code: str | None,
    said: str,
) -> None:
    assert code_current.run(world.read()).ok
    world.told[ROLLING_WORKER] = code
    finding = code_current.run(world.read())
    assert finding.status == "failed"
    assert said in finding.summary


def test_a_copy_that_does_not_run_has_no_code(world: World) -> None:
    del world.told[ROLLING_WORKER]
    finding = code_current.run(world.read())
    assert finding.status == "failed"
    assert "rolling_worker: no copy is kept" in finding.summary
