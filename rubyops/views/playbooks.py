"""The playbooks that come with rubyops, and the steps of one playbook."""

from collections.abc import Mapping
from dataclasses import dataclass

from rubyops.model.step import Playbook, Step
from rubyops.registry import PLAYBOOKS, Entry
from rubyops.views.view import Item, View


@dataclass(frozen=True)
class PlaybooksView(View):
    """The playbooks that come with rubyops, by name."""

    schema = "rubyops.playbooks/v1"
    playbooks: Mapping[str, Entry]

    @property
    def results(self) -> tuple[Item[None], ...]:
        """One item for each playbook, with its title and its file."""
        return tuple(
            Item(name, entry.summary, "ok", entry.place, None)
            for name, entry in self.playbooks.items()
        )


@dataclass(frozen=True)
class StepFacts:
    """The source ids that a step covers, and the line of the step in its file."""

    covers: tuple[str, ...]
    line: int


@dataclass(frozen=True)
class StepsView(View):
    """The steps of one valid playbook."""

    schema = "rubyops.playbook/v1"
    playbook: Playbook

    @property
    def results(self) -> tuple[Item[StepFacts], ...]:
        """One item for each step."""
        return tuple(_step(step) for step in self.playbook.steps)


@dataclass(frozen=True)
class ValidPlaybookView(View):
    """One valid playbook, without its steps."""

    schema = "rubyops.playbook/v1"
    playbook: Playbook

    @property
    def summary(self) -> str:
        """The number of steps, in words."""
        return f"{len(self.playbook.steps)} steps"

    @property
    def results(self) -> tuple[Item[None]]:
        """One item for the playbook."""
        return (Item(self.playbook.name, self.playbook.title, "ok", self.summary, None),)


def shipped_playbooks() -> PlaybooksView:
    """Return the view of the playbooks that come with rubyops."""
    return PlaybooksView(PLAYBOOKS)


def _step(step: Step) -> Item[StepFacts]:
    does = f"{step.kind}: {step.name}"
    return Item(step.id, step.title, "ok", does, StepFacts(step.covers, step.line))
