"""A flow hears a request to stop before each of its calls, and at each look of its waits."""

from collections.abc import Callable
from typing import Any

import pytest

from commands.flows._script import Script
from rubyops.engine.execute import carry_out
from rubyops.engine.hands import EffectContext
from rubyops.engine.heard import HeardActor
from rubyops.engine.stop import StopSignal
from rubyops.engine.tools import EnginePorts
from rubyops.errors import Interrupted
from rubyops.model.effect import RunFlow
from rubyops.ports import Actor, CanaryPlayer, EffectIdentity, HttpAnswer
from rubyops.testing import RecordingOperate, StillRead

ANN = CanaryPlayer("brand", "player", "EUR", "session", None)
MARK = EffectIdentity("r-1/flow/1", "r-1", 1, "ann")
CALLS: dict[str, Callable[[Actor], object]] = {
    "read": lambda actor: actor.read,
    "player": lambda actor: actor.player("one"),
    "as_player": lambda actor: actor.as_player(ANN, "GET", "/x"),
    "as_provider": lambda actor: actor.as_provider("p", ANN, "/x", {}, key="k"),
    "as_admin": lambda actor: actor.as_admin("GET", "/x"),
    "as_operator": lambda actor: actor.as_operator("gateway", "GET", "/x"),
    "as_stranger": lambda actor: actor.as_stranger("gateway", "/x", {}),
    "as_role": lambda actor: actor.as_role("gateway", ()),
}


class Played:
    """EffectContext that note what they were asked for."""

    def __init__(self) -> None:  # noqa: D107
        self.asked: list[str] = []

    def __getattr__(self, name: str) -> Any:
        if name == "read":
            self.asked.append(name)
            return StillRead({"nothing": []})

        def noted(*given: object, **named: object) -> Any:
            self.asked.append(name)
            return HttpAnswer(200, {})

        return noted


def stop() -> None:
    raise Interrupted


def test_every_call_is_here() -> None:
    """`derived_id` asks nobody."""
    verbs = {name for name in vars(Actor) if not name.startswith("_")}
    assert verbs - CALLS.keys() == {"derived_id"}


@pytest.mark.parametrize("name", CALLS)
def test_a_wish_to_stop_is_heard_before_a_call(name: str) -> None:
    inner = Played()
    with pytest.raises(Interrupted):
        CALLS[name](HeardActor(inner, stop))
    assert inner.asked == []
    CALLS[name](HeardActor(inner, lambda: None))
    assert inner.asked == [name]


def test_a_flow_that_waits_hears_it() -> None:
    stop = StopSignal()
    script = Script("FLOW", "one", HeardActor(Played(), stop.raise_if_set), ANN)

    def never() -> bool:
        stop.request()
        return bool(script.actor.read.rows("nothing"))

    with pytest.raises(Interrupted):
        script.wait_until("something", never)


def test_the_engine_gives_a_flow_such_hands() -> None:
    inner, stop = Played(), StopSignal()

    class Operate(RecordingOperate):
        def actor(self, mark: EffectIdentity, flow: str) -> Actor:
            return inner

    def flow(actor: Actor) -> None:
        actor.player("one")
        stop.request()
        actor.player("two")

    nothing: Any = None
    tools = EnginePorts(
        nothing,
        nothing,
        Operate(),
        nothing,
        nothing,
        lambda name: flow,
        nothing,
        nothing,
        nothing,
        nothing,
        nothing,
    )
    with pytest.raises(Interrupted):
        carry_out(RunFlow("x"), MARK, EffectContext(tools, lambda words: None, stop, lambda: None))
    assert inner.asked == ["player"]
