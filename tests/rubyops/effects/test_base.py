"""The polling, stopping and repeating that all effects inherit."""

import pytest

from rubyops.effects.base import Effect, Traits
from rubyops.errors import Interrupted, LockLost
from rubyops.testing.reading import StillRead
from tests import effects as e
from tests.rubyops.effects.contexts import Around


def test_a_poll_returns_the_first_answer() -> None:
    answers = iter([None, None, "there"])
    assert Around().context().poll(lambda: next(answers), 5.0, 0.001) == "there"


def test_a_poll_ends_in_time_after_one_look_at_least() -> None:
    asked: list[int] = []
    assert Around().context().poll(lambda: asked.append(1), 0.0, 0.001) is None
    assert asked == [1]


def test_a_poll_obeys_a_stop_and_a_lost_lock() -> None:
    around = Around()
    around.stop.request()
    with pytest.raises(Interrupted):
        around.context().poll(lambda: None, 5.0, 0.001)

    def lost() -> None:
        raise LockLost("another run has taken over")

    with pytest.raises(LockLost):
        Around(hold=lost).context().poll(lambda: None, 5.0, 0.001)


def test_an_effect_says_itself_and_carries_itself_out() -> None:
    class Half(Effect[None]):
        traits = Traits()

    with pytest.raises(TypeError, match="abstract"):
        Half()  # type: ignore[abstract]


def test_an_effect_in_doubt_may_be_repeated_unless_it_says_otherwise() -> None:
    assert e.Migrate().in_doubt(StillRead()) == "repeatable"
    assert e.StopProcesses(("gateway",)).in_doubt(StillRead()) == "not applied"
