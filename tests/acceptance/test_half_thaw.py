"""A thaw that stopped half-way never opens money on an unverified state (K4, K18)."""

import signal
from collections.abc import Iterator

import pytest

from tests.acceptance.platform import Live
from tests.acceptance.test_brake import HOLDER, session
from wallet_runtime.contract.freeze import INGRESS, OPEN, SEALED

pytestmark = [pytest.mark.slow, pytest.mark.fault]
KILLED = -signal.SIGKILL
ROW_LOCK = "SELECT * FROM wallet.wallet_gate FOR SHARE"
FENCE_LOCK = "LOCK TABLE wallet.wallet_fence IN ACCESS EXCLUSIVE MODE"


def levels(live: Live) -> tuple[str, str]:
    """The freeze level in `control`, and the level in the fence row."""
    return live.level(), live.gate()["freeze_level"]


@pytest.fixture
def verified(live: Live) -> Live:
    live.done("freeze", "--level", "sealed")
    live.done("verify")
    return live


@pytest.fixture
def half_thawed(verified: Live) -> Iterator[Live]:
    """A platform that is open in `control`, while a locked fence row kept the level `sealed`."""
    live = verified
    with live.paused_before("thaw", "thaw") as run, session(live, ROW_LOCK):
        answer = run.go_on()
    assert answer.code == 8, answer.told
    assert HOLDER.search(answer.told), "the session is named"
    assert levels(live) == (OPEN, SEALED)
    yield live


def test_a_killed_thaw_is_not_resumed_onto_another_state(verified: Live) -> None:
    live = verified
    assert live.run("thaw", failpoint="after-intent:1").code == KILLED
    run_id = live.newest_run()
    live.done("stop-consumers")
    answer = live.run("runs", "resume", run_id)
    assert (answer.code, levels(live)) == (3, (SEALED, SEALED)), answer.told
    assert "changed since it was verified" in answer.told
    live.done("start-consumers")


def test_a_killed_thaw_is_not_resumed_onto_a_later_freeze(verified: Live) -> None:
    live = verified
    assert live.run("thaw", failpoint="after-intent:1").code == KILLED
    run_id = live.newest_run()
    live.done("thaw")
    live.done("freeze", "--level", "ingress", "--reason", "fraud")
    answer = live.run("runs", "resume", run_id)
    assert (answer.code, levels(live)) == (3, (INGRESS, INGRESS)), answer.told


def test_a_killed_thaw_is_resumed_on_the_state_that_was_verified(verified: Live) -> None:
    live = verified
    assert live.run("thaw", failpoint="after-effect:1").code == KILLED
    live.done("runs", "resume", live.newest_run())
    assert levels(live) == (OPEN, OPEN)


def test_half_a_thaw_is_finished_on_the_state_that_was_verified(half_thawed: Live) -> None:
    assert "THAWING (open)" in str(half_thawed.run("status").body)
    half_thawed.done("thaw")
    assert levels(half_thawed) == (OPEN, OPEN)


@pytest.mark.parametrize("again", ["thaw", "runs resume"])
def test_half_a_thaw_is_not_finished_on_another_state(half_thawed: Live, again: str) -> None:
    live = half_thawed
    words = (*again.split(), live.newest_run()) if again != "thaw" else (again,)
    live.done("stop-consumers")
    answer = live.run(*words)
    assert (answer.code, levels(live)) == (3, (OPEN, SEALED)), answer.told
    live.done("start-consumers")
    live.done("verify")
    live.done("thaw")
    assert levels(live) == (OPEN, OPEN)


def test_a_freeze_over_half_a_thaw_is_in_force_at_the_stricter_level(half_thawed: Live) -> None:
    live = half_thawed
    answer = live.done("freeze")
    assert levels(live) == (INGRESS, SEALED)
    assert "Money is FROZEN (sealed)" in answer.told
    live.done("verify")
    live.done("thaw")
    assert levels(live) == (OPEN, OPEN)


def test_a_lock_on_the_fence_holds_no_freeze_up(live: Live) -> None:
    with session(live, FENCE_LOCK):
        live.done("freeze")
        assert levels(live) == (INGRESS, INGRESS)


@pytest.mark.parametrize("lock", [FENCE_LOCK, ROW_LOCK])
def test_a_session_that_holds_the_fence_is_named_to_a_run_and_can_be_ended(
    live: Live, lock: str
) -> None:
    with session(live, lock):
        run = live.start("smoke")
        told = ""
        assert run.stderr is not None
        while not (found := HOLDER.search(told)):
            line = run.stderr.readline()
            assert line, told
            told += line
        live.done("sessions", "end", found[1])
        out, rest = run.communicate(timeout=60)
    assert run.returncode == 0, told + rest
    assert out
    assert "the fence is held by" in told


def test_the_run_that_may_lift_a_freeze_is_named(live: Live) -> None:
    live.activate(2)
    first = live.run("rollback", "--tier", "2", failpoint="after-outcome:1")
    assert first.code == KILLED
    dead = live.newest_run()
    second = live.run("rollback", "--tier", "2", "--take-over", dead, failpoint="after-outcome:2")
    assert second.code == KILLED
    heir = live.newest_run()
    live.done("verify")
    refused = live.run("thaw")
    assert (refused.code, live.level()) == (3, INGRESS)
    assert f"thaw --take-over {heir}" in refused.told
    live.done("thaw", "--take-over", heir)
    assert levels(live) == (OPEN, OPEN)
