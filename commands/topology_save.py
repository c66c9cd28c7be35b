"""Save a topology document as a draft (A7-9: never over a version that was active).

When: before a new version is validated and activated. Blast radius: one draft; only the active pair
moves money. Undo: not needed, a draft that is never activated does nothing.
"""

from dataclasses import dataclass

from commands._documents import plan_save
from rubyops.model.step import Command, Planned
from rubyops.ports import Read


@dataclass(frozen=True)
class Params:
    """The file with the document, as JSON."""

    file: str


def plan(params: Params, read: Read) -> Planned:
    """Plan to save the draft. Refuses a version that is or was active."""
    return plan_save("topology", "code", params.file, read)


COMMAND = Command("topology-save", Params, plan)
