"""A stop request ends a flow before its next call, or at the next poll of a wait."""

from collections.abc import Callable
from typing import Any

import pytest

from commands.flows._script import Script
from rubyops.effects.base import EffectContext
from rubyops.effects.flow import Flow, RunFlow
from rubyops.effects.stoppable_actor import StoppableActor
from rubyops.errors import Interrupted
from rubyops.ports import Actor, CanaryPlayer, EffectIdentity, HttpAnswer
from rubyops.stop_signal import StopSignal
from rubyops.testing.reading import StillRead

ANN = CanaryPlayer("brand", "player", "EUR", "session", None)
IDENTITY = EffectIdentity("r-1/flow/1", "r-1", 1, "ann")
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
    """A stub of the actor that records its calls."""

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
    """Every method that makes a call is tested here; `derived_id` makes none."""
    verbs = {name for name in vars(Actor) if not name.startswith("_")}
    assert verbs - CALLS.keys() == {"derived_id"}


@pytest.mark.parametrize("name", CALLS)
def test_a_wish_to_stop_is_heard_before_a_call(name: str) -> None:
    inner = Played()
    with pytest.raises(Interrupted):
        CALLS[name](StoppableActor(inner, stop))
    assert inner.asked == []
    CALLS[name](StoppableActor(inner, lambda: None))
    assert inner.asked == [name]


def test_a_flow_that_waits_hears_it() -> None:
    stop = StopSignal()
    script = Script("FLOW", "one", StoppableActor(Played(), stop.raise_if_set), ANN)

    def never() -> bool:
        stop.request()
        return bool(script.actor.read.rows("nothing"))

    with pytest.raises(Interrupted):
        script.wait_until("something", never)


def test_a_flow_is_given_such_an_actor() -> None:
    inner, stop = Played(), StopSignal()

    class Port:
        def script(self, name: str) -> Flow:
            return flow

        def actor(self, identity: EffectIdentity, name: str) -> Actor:
            return inner

    def flow(actor: Actor) -> None:
        actor.player("one")
        stop.request()
        actor.player("two")

    nothing: Any = None
    context = EffectContext(IDENTITY, nothing, nothing, stop, nothing, nothing, nothing)
    with pytest.raises(Interrupted):
        RunFlow("x").carry_out(Port(), context)
    assert inner.asked == ["player"]
