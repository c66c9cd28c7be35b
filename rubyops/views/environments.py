"""The configured environments, with their secrets hidden."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from rubyops.model.environment import Environment
from rubyops.views.view import Item, View


@dataclass(frozen=True)
class EnvironmentFacts(Environment):
    """One environment, and `source`, the file that defines it."""

    source: str = ""


@dataclass(frozen=True)
class EnvironmentsView(View):
    """The environments, in the order of their file."""

    schema = "rubyops.config/v1"
    environments: tuple[EnvironmentFacts, ...]
    source: Path

    @property
    def results(self) -> tuple[Item[EnvironmentFacts], ...]:
        """One item for each environment."""
        return tuple(
            Item(item.name, item.name, "ok", str(item.home), item) for item in self.environments
        )


def show_environments(known: Sequence[Environment], source: Path) -> EnvironmentsView:
    """Return a view of these environments, which were read from `source`."""
    return EnvironmentsView(tuple(_facts(item, source) for item in known), source)


def _facts(item: Environment, source: Path) -> EnvironmentFacts:
    settings = {part.name: getattr(item, part.name) for part in fields(item)}
    return EnvironmentFacts(**settings, source=str(source))
