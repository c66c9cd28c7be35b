"""The local rollout passes on a healthy platform and finds planted faults (LOC, SMK, FLOW)."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest

from tests.acceptance.faults import BUCKET, Damage, edited_balance, edited_ledger_row
from tests.acceptance.front_door import Player
from tests.acceptance.home import Home
from tests.acceptance.platform import Answer, Live
from wallet_runtime.contract.freeze import INGRESS, OPEN
from wallet_runtime.contract.processes import ROLLING_WORKER, WALLET_WORKER

pytestmark = pytest.mark.slow
PROVED = {
    *(f"SMK-{number}" for number in range(1, 9)),
    *(f"FLOW-{number}" for number in range(1, 14)),
    *(f"LOC-{number}" for number in range(1, 11)),
}
ROLLOUT = ("rollout", "local", "--keep-up")
FINAL_MONEY_CHECK = "tips"
Edit = Callable[[Live, Player], AbstractContextManager[Damage]]
EDITS = pytest.mark.parametrize("edit", [edited_ledger_row, edited_balance])


@pytest.fixture
def holder(live: Live) -> Player:
    """A player with money in the sports bucket."""
    player = live.player()
    for amount in ("30.00", "20.00"):
        assert live.deposit(player, amount, BUCKET).status_code == 200
    live.settle_down()
    return player


def test_split_topology_is_rolled_out(first_rollout: tuple[Live, Answer]) -> None:
    _, answer = first_rollout
    assert_rolled_out(answer)


def test_unified_topology_is_rolled_out_and_leaves_nothing_running(home: Home) -> None:
    unified = Live(home, "local-unified")
    answer = unified.run("rollout", "local")
    assert_rolled_out(answer)
    assert [copy for copy in unified.driver.copies() if copy.pid] == []
    assert not unified.driver.is_up()


def test_repeat_on_a_running_platform_rolls_out_again(live: Live) -> None:
    assert_rolled_out(live.run(*ROLLOUT))


@pytest.mark.fault
@EDITS
def test_money_edited_before_the_run_freezes_it(live: Live, holder: Player, edit: Edit) -> None:
    with edit(live, holder) as damage:
        answer = live.run(*ROLLOUT)
        assert (answer.code, answer.body["freeze"], live.level(), live.gate()["freeze_level"]) == (
            3,
            INGRESS,
            INGRESS,
            INGRESS,
        )
        assert_named(damage, answer)
        assert live.bet("mocksports", holder, "1.00").answer.status_code == 503


@pytest.mark.fault
@EDITS
def test_money_edited_during_the_final_checks_fails_them(
    live: Live, holder: Player, edit: Edit
) -> None:
    with live.paused_before(FINAL_MONEY_CHECK, *ROLLOUT) as run, edit(live, holder) as damage:
        answer = run.go_on()
    assert (answer.code, answer.step(FINAL_MONEY_CHECK)["status"]) == (5, "failed")
    assert live.level() == OPEN
    assert_named(damage, answer)


@pytest.mark.fault
@pytest.mark.parametrize("worker", [WALLET_WORKER, ROLLING_WORKER])
def test_worker_that_stands_still_fails_forward_progress(live: Live, worker: str) -> None:
    with live.stopped(worker):
        answer = live.run(*ROLLOUT)
    (failed,) = [row for row in answer.body["results"] if row["status"] == "failed"]
    # If the worker was already silent for long enough, the step that starts the platform waits for
    # it and fails.
    assert (answer.code, failed["covers"]) in [(5, ["LOC-5"]), (8, ["LOC-1"])]
    assert worker in failed["summary"]


def assert_rolled_out(answer: Answer) -> None:
    assert answer.code == 0, answer.told
    assert answer.covered() >= PROVED
    assert {row["status"] for row in answer.body["results"]} <= {"ok", "noop"}


def assert_named(damage: Damage, answer: Answer) -> None:
    """Assert that the JSON message and stderr both name the damaged account."""
    for text in (str(answer.body["message"]), answer.told):
        assert [name for name in damage.names() if name not in text] == []
