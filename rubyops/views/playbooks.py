"""Playbooks: those that ship, and the steps of one."""

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
        """Every playbook: its title, and its file."""
        return tuple(
            Item(name, entry.summary, "ok", entry.place, None)
            for name, entry in self.playbooks.items()
        )


@dataclass(frozen=True)
class StepFacts:
    """The source ids that a step covers, and its line in the file."""

    covers: tuple[str, ...]
    line: int


@dataclass(frozen=True)
class StepsView(View):
    """The steps of one playbook, which is valid."""

    schema = "rubyops.playbook/v1"
    playbook: Playbook

    @property
    def results(self) -> tuple[Item[StepFacts], ...]:
        """Every step: what it does."""
        return tuple(_step(step) for step in self.playbook.steps)


@dataclass(frozen=True)
class ValidPlaybookView(View):
    """One playbook that is valid, as a whole."""

    schema = "rubyops.playbook/v1"
    playbook: Playbook

    @property
    def summary(self) -> str:
        """Say how long it is."""
        return f"{len(self.playbook.steps)} steps"

    @property
    def results(self) -> tuple[Item[None]]:
        """The playbook."""
        return (Item(self.playbook.name, self.playbook.title, "ok", self.summary, None),)


def shipped_playbooks() -> PlaybooksView:
    """List the playbooks that ship."""
    return PlaybooksView(PLAYBOOKS)


def _step(step: Step) -> Item[StepFacts]:
    does = f"{step.kind}: {step.name}"
    return Item(step.id, step.title, "ok", does, StepFacts(step.covers, step.line))
