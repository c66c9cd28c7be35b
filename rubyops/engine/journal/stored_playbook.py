"""A playbook as a journal keeps it: enough to go on with a run without the playbook's file."""

from typing import Self

import msgspec

from rubyops.model.json_object import JsonObject
from rubyops.model.kinds import PlaybookKind
from rubyops.model.step import FindCommand, Playbook, Step, StepKind


class StoredStep(msgspec.Struct, frozen=True, kw_only=True):
    """One step; `params` are a command's, and None for a check."""

    id: str
    title: str
    kind: str
    name: str
    line: int
    covers: tuple[str, ...]
    params: JsonObject | None

    @classmethod
    def of(cls, step: Step) -> Self:
        """Keep a step."""
        params = None if step.params is None else msgspec.json.encode(step.params)
        return cls(
            id=step.id,
            title=step.title,
            kind=step.kind,
            name=step.name,
            line=step.line,
            covers=step.covers,
            params=None if params is None else msgspec.json.decode(params),
        )

    def restore(self, command: FindCommand) -> Step:
        """Rebuild the step, typed by today's commands.

        Raises `KeyError` for a command that is gone, `msgspec.ValidationError`.
        """
        kind = msgspec.convert(self.kind, StepKind)
        params = (
            msgspec.convert(self.params, command(self.name).params) if kind == "command" else None
        )
        return Step(self.id, self.title, kind, self.name, params, self.covers, self.line)


class StoredPlaybook(msgspec.Struct, frozen=True, kw_only=True):
    """A playbook; `source` is the file that it came from."""

    name: str
    title: str
    kind: str
    source: str
    parameters: JsonObject
    steps: tuple[StoredStep, ...]

    @classmethod
    def of(cls, playbook: Playbook) -> Self:
        """Keep a playbook."""
        return cls(
            name=playbook.name,
            title=playbook.title,
            kind=playbook.kind,
            source=playbook.source,
            parameters=playbook.parameters,
            steps=tuple(StoredStep.of(step) for step in playbook.steps),
        )

    def restore(self, command: FindCommand) -> Playbook:
        """Rebuild the playbook that a run began with. Raises as a step does."""
        steps = tuple(step.restore(command) for step in self.steps)
        kind = msgspec.convert(self.kind, PlaybookKind)
        return Playbook(self.name, self.title, kind, steps, self.parameters, self.source)
