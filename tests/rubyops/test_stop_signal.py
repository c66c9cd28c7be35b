"""A stop request is remembered, ends a wait at once, and raises where the engine checks it."""

import threading
import time

import pytest

from rubyops.errors import Interrupted, Terminated
from rubyops.stop_signal import StopSignal


def test_nothing_is_raised_before_a_request() -> None:
    stop = StopSignal()
    stop.raise_if_set()
    assert not stop.requested


@pytest.mark.parametrize(("terminated", "error"), [(False, Interrupted), (True, Terminated)])
def test_a_request_raises_by_its_signal(terminated: bool, error: type[Exception]) -> None:
    stop = StopSignal()
    stop.request(terminated=terminated)
    with pytest.raises(error):
        stop.raise_if_set()


def test_a_termination_is_not_taken_back_by_a_later_interrupt() -> None:
    stop = StopSignal()
    stop.request(terminated=True)
    stop.request()
    with pytest.raises(Terminated):
        stop.raise_if_set()


def test_a_request_ends_a_wait() -> None:
    stop = StopSignal()
    waiting = threading.Thread(target=stop.wait, args=(60.0,))
    waiting.start()
    stop.request()
    waiting.join(timeout=10.0)
    assert not waiting.is_alive()


def test_a_wait_without_a_request_lasts() -> None:
    began = time.monotonic()
    StopSignal().wait(0.05)
    assert time.monotonic() - began >= 0.05  # noqa: PLR2004
