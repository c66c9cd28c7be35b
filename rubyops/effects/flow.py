"""Play a flow on canary players."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from rubyops.effects.base import Effect, EffectContext, Outcome, Traits
from rubyops.effects.stoppable_actor import StoppableActor
from rubyops.ports import Actor, EffectIdentity

Flow = Callable[[Actor], object]


class FlowPort(Protocol):
    """Finds flows, and gives each an actor that calls the platform."""

    def script(self, flow: str) -> Flow:
        """Return the flow of this name. Raises `UsageError`."""

    def actor(self, identity: EffectIdentity, flow: str) -> Actor:
        """Return the actor for a flow of this effect."""


@dataclass(frozen=True)
class RunFlow(Effect[FlowPort]):
    """Play one flow or smoke case on canary players.

    The request ids derive from the effect's id, so a repeat gets the stored answers.
    """

    flow: str

    traits = Traits(mild=True, plays_canaries=True)

    def describe(self) -> str:
        """Name the flow."""
        return f"play {self.flow} on canary players"

    def carry_out(self, port: FlowPort, context: EffectContext) -> Outcome:
        """Play the flow; its errors, such as `CheckFailed`, pass through."""
        actor = port.actor(context.identity, self.flow)
        answer = port.script(self.flow)(StoppableActor(actor, context.stop.raise_if_set))
        details = dict(answer) if isinstance(answer, Mapping) else {}
        return Outcome("ok", f"{self.flow} passed", details)
