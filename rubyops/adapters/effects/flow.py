"""The flow port: finds the script of a flow, and makes the actor that plays it."""

from dataclasses import dataclass

from rubyops.adapters.access import Access
from rubyops.adapters.actor import CanaryActor
from rubyops.effects.flow import Flow, FlowPort
from rubyops.ports import Actor, EffectIdentity


@dataclass(frozen=True)
class Flows:
    """Implements `FlowPort`."""

    access: Access

    def script(self, flow: str) -> Flow:
        """Find a flow by its name."""
        return self.access.flow(flow)

    def actor(self, identity: EffectIdentity, flow: str) -> Actor:
        """Return the actor for one flow of this effect."""
        known = self.access
        return CanaryActor(known.driver, known.client, known.platform, known.read, identity, flow)


def connect(access: Access) -> FlowPort:
    """Build the flow port."""
    return Flows(access)
