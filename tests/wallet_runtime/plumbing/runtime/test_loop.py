"""The state that a loop reports, and its pause between turns (RS-6)."""

import threading
import time

import pytest

from tests.wallet_runtime.serving import await_until
from wallet_runtime.plumbing.runtime import loop as loop_module
from wallet_runtime.plumbing.runtime.loop import FAILURES_MAX, Loop


def test_work_is_taken_at_once_and_idle_turns_wait() -> None:
    left = [3]
    turns: list[float] = []

    def turn() -> int:
        turns.append(time.monotonic())
        left[0] -= 1
        return max(left[0], 0)

    loop = Loop("test", turn, 0.2, 1.0)
    loop.start()
    await_until(lambda: len(turns) >= 4)
    loop.ask_to_stop()
    assert loop.join(2)
    assert turns[2] - turns[0] < 0.1
    assert turns[3] - turns[2] > 0.15


def test_a_loop_without_work_looks_less_often_until_it_finds_some(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = [0]
    loop = Loop("test", lambda: found[0], 0.01, 60.0, idle_seconds=0.5)
    loop.take_turn()
    assert loop._pause_seconds() == 0.01
    monkeypatch.setattr(loop_module, "IDLE_AFTER_SECONDS", 0.0)
    loop.take_turn()
    assert loop._pause_seconds() == 0.5
    monkeypatch.setattr(loop_module, "IDLE_AFTER_SECONDS", 60.0)
    found[0] = 1
    loop.take_turn()
    assert loop._pause_seconds() == 0.01


def test_a_turn_that_fails_again_and_again_spends_the_budget_and_one_success_restores_it() -> None:
    broken = [True]

    def turn() -> int:
        if broken[0]:
            raise RuntimeError("no")
        return 0

    loop = Loop("test", turn, 0.01, 60.0)
    for _ in range(FAILURES_MAX - 1):
        loop.take_turn()
    assert loop.state().ok
    loop.take_turn()
    assert (loop.state().failures, loop.state().ok) == (FAILURES_MAX, False)
    broken[0] = False
    loop.take_turn()
    assert (loop.state().failures, loop.state().ok) == (0, True)


def test_a_turn_that_hangs_turns_the_loop_red_though_its_thread_lives() -> None:
    release = threading.Event()
    loop = Loop("test", lambda: int(release.wait(10)), 0.01, 0.2)
    loop.start()
    await_until(lambda: not loop.state().ok, 2)
    loop.ask_to_stop()
    assert not loop.join(0.05)
    release.set()
    assert loop.join(2)


def test_failures_make_the_pauses_longer_up_to_a_bound() -> None:
    loop = Loop("test", lambda: 1 // 0, 0.05, 60.0)
    pauses = []
    for _ in range(20):
        loop.take_turn()
        pauses.append(loop._pause_seconds())
    assert pauses[0] == 0.1
    assert pauses[-1] == 2.0


def test_a_loop_with_a_long_interval_that_failed_does_not_wait_for_it() -> None:
    """After a failed turn the loop retries soon.

    Else the process stays red for a whole interval.
    """
    broken = True
    loop = Loop("test", lambda: 1 // 0 if broken else 0, 30.0, 60.0)
    loop.take_turn()
    assert loop._pause_seconds() == 2.0
    broken = False
    loop.take_turn()
    assert loop._pause_seconds() == 30.0


def test_an_hourly_turn_that_failed_is_taken_again_after_a_minute() -> None:
    loop = Loop("test", lambda: 1 // 0, 3600.0, 9000.0)
    loop.take_turn()
    assert loop._pause_seconds() == 60.0
