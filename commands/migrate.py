"""Migrate both databases to the newest schema of this checkout.

When: after a deploy, before anything runs on the new schema (LOC-2, STG-1).
Blast radius: both databases; each revision is one transaction with a lock time-out. Undo: the revision's own downgrade.
"""

from dataclasses import dataclass

from checks.platform.migrations_current import DATABASES, newest_revision, revision_of
from rubyops.model.effect import Migrate
from rubyops.model.step import Command, NoOp, Planned
from rubyops.ports import Read


@dataclass(frozen=True)
class Params:
    """No parameters: the newest revision is the only target."""


def plan(params: Params, read: Read) -> Planned | NoOp:
    """Want the newest schema unless both databases stand there."""
    del params
    found = {name: revision_of(read, name) for name in DATABASES}
    wanted = {name: newest_revision(name) for name in DATABASES}
    if found == wanted:
        return NoOp(
            ", ".join(f"{name} is at {revision}, the newest" for name, revision in wanted.items())
        )
    return Planned(
        (Migrate(),), {name: f"{found[name] or 'empty'} -> {wanted[name]}" for name in DATABASES}
    )


COMMAND = Command("migrate", "Bring both databases to the newest schema", Params, plan)
