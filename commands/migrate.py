"""Migrate both databases to the newest schema of this checkout.

When: after a deploy, before anything runs on the new schema (LOC-2, STG-1).
Blast radius: both databases; each is changed in one transaction with a lock timeout.
Undo: run `migrate` from the older checkout to restore its functions, views, triggers and grants.
Tables stay as they are; outside of production a revision can be downgraded.
"""

from dataclasses import dataclass

from checks.platform.migrations_current import DATABASES, Schema, newest_schema, schema_of
from rubyops.effects.platform import Migrate
from rubyops.model.step import Command, NoOp, Planned
from rubyops.ports import Read


@dataclass(frozen=True)
class Params:
    """No parameters: the target is always the newest schema."""


def plan(params: Params, read: Read) -> Planned | NoOp:
    """Plan to migrate, or do nothing when both databases have the newest schema."""
    del params
    found = {name: schema_of(read, name) for name in DATABASES}
    wanted = {name: newest_schema(name) for name in DATABASES}
    if found == wanted:
        return NoOp(", ".join(f"{name} is at {wanted[name]}, the newest" for name in DATABASES))
    return Planned((Migrate(),), {name: _step(found[name], wanted[name]) for name in DATABASES})


def _step(found: Schema | None, wanted: Schema) -> str:
    return "as it is" if found == wanted else f"{found or 'empty'} -> {wanted}"


COMMAND = Command("migrate", Params, plan)
