"""The history of activations: which pair was active, since when, and which pair came before."""

from dataclasses import dataclass
from datetime import datetime

from rubyops.ports import Read
from rubyops.views.documents import Kind
from rubyops.views.view import Item, View


@dataclass(frozen=True)
class Activation:
    """One activation of a pair. The fields `from_...` name the previous pair, None at first."""

    activation_no: int
    topology_code: str
    topology_version: int
    policy_key: str
    policy_version: int
    from_topology_code: str | None
    from_topology_version: int | None
    from_policy_version: int | None
    caller: str
    activated_at: datetime

    @property
    def pair(self) -> str:
        """The pair in words."""
        topology = f"{self.topology_code} v{self.topology_version}"
        return f"{topology} with policy {self.policy_key} v{self.policy_version}"

    @property
    def before(self) -> str | None:
        """The previous pair in words, None for the first activation."""
        if self.from_topology_code is None:
            return None
        topology = f"{self.from_topology_code} v{self.from_topology_version}"
        return f"{topology}, policy v{self.from_policy_version}"


@dataclass(frozen=True)
class ActivationsView(View):
    """Activations, oldest first."""

    schema = "rubyops.history/v1"
    activations: tuple[Activation, ...]

    @property
    def results(self) -> tuple[Item[Activation], ...]:
        """One item for each activation."""
        return tuple(
            Item(
                str(item.activation_no), item.pair, "ok", f"activated at {item.activated_at}", item
            )
            for item in self.activations
        )


def read_activations(read: Read, kind: Kind, name: str | None) -> ActivationsView:
    """List the activations of the topology or policy `name`, or all without a name."""
    found = (Activation(**row) for row in read.rows("facts_activations"))
    chosen = (item for item in found if name is None or _name(item, kind) == name)
    return ActivationsView(tuple(chosen))


def _name(item: Activation, kind: Kind) -> str:
    return item.topology_code if kind == "topology" else item.policy_key
