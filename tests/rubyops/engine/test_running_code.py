"""`up` and `status` where a copy runs other code than the checkout's."""

from types import SimpleNamespace
from typing import Any

import pytest

from checks._liveness import CopyLife
from commands import start_platform
from rubyops.cli.platform import _copy_row
from rubyops.model.step import NoOp, Wanted
from rubyops.running_code import REMEDY
from tests.rubyops.engine.proofs import CODE, World
from wallet_runtime.contract import ROLLING_WORKER


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
    copy = CopyLife(ROLLING_WORKER, 1, True, "running", 1, "", heartbeat_age_ms=9)
    assert _copy_row(toolkit, copy)["summary"] == words
