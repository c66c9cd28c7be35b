"""The form in which a journal stores a playbook, so that a resume does not need its file."""

from typing import Self

import msgspec

from rubyops.model.json_object import JsonObject
from rubyops.model.kinds import PlaybookKind
from rubyops.model.step import FindCommand, Playbook, Step, StepKind


def _plain(params: object) -> JsonObject:
    plain: JsonObject = msgspec.json.decode(msgspec.json.encode(params))
    return plain


class StoredStep(msgspec.Struct, frozen=True, kw_only=True):
    """A stored step; `params` is None for a check, which has no parameters."""

    id: str
    title: str
    kind: str
    name: str
    line: int
    covers: tuple[str, ...]
    params: JsonObject | None

    @classmethod
    def of(cls, step: Step) -> Self:
        """Convert a step into its stored form."""
        return cls(
            id=step.id,
            title=step.title,
            kind=step.kind,
            name=step.name,
            line=step.line,
            covers=step.covers,
            params=None if step.params is None else _plain(step.params),
        )

    def restore(self, command: FindCommand) -> Step:
        """Rebuild the step; `command` finds the command that types its parameters.

        Raises the error of `command` for a name that no longer exists, and
        `msgspec.ValidationError` if the parameters no longer fit.
        """
        kind = msgspec.convert(self.kind, StepKind)
        params = (
            msgspec.convert(self.params, command(self.name).params) if kind == "command" else None
        )
        return Step(self.id, self.title, kind, self.name, params, self.covers, self.line)


class StoredPlaybook(msgspec.Struct, frozen=True, kw_only=True):
    """A stored playbook; `source` is the path of its file."""

    name: str
    title: str
    kind: str
    source: str
    parameters: JsonObject
    steps: tuple[StoredStep, ...]

    @classmethod
    def of(cls, playbook: Playbook) -> Self:
        """Convert a playbook into its stored form."""
        return cls(
            name=playbook.name,
            title=playbook.title,
            kind=playbook.kind,
            source=playbook.source,
            parameters=playbook.parameters,
            steps=tuple(StoredStep.of(step) for step in playbook.steps),
        )

    def restore(self, command: FindCommand) -> Playbook:
        """Rebuild the playbook. Raises the errors of `StoredStep.restore`."""
        steps = tuple(step.restore(command) for step in self.steps)
        kind = msgspec.convert(self.kind, PlaybookKind)
        return Playbook(self.name, self.title, kind, steps, self.parameters, self.source)
