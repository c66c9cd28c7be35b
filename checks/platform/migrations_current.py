"""Both databases have the schema of this checkout: its newest revision, and its definitions.

When it fails, the code and the schema do not match. Statements may fail, or a guard may be missing
that a newer revision, function, trigger or grant adds.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from checks._answer import all_true
from rubyops.errors import Refused
from rubyops.model.finding import Finding, inconclusive
from rubyops.model.step import Check
from rubyops.ports import Database, Read
from sql import definitions, migrations

DATABASES: tuple[Database, ...] = ("platform", "control")


@dataclass(frozen=True)
class Schema:
    """The revision of the tables, and a digest for each kind of definition, such as views."""

    revision: str
    definitions: Mapping[str, str]

    def __str__(self) -> str:
        """Return the revision and a short digest of all definitions."""
        if not self.definitions:
            return self.revision
        total = hashlib.sha256(repr(sorted(self.definitions.items())).encode()).hexdigest()
        return f"{self.revision} with definitions {total[:12]}"

    def lacks(self, other: "Schema") -> list[str]:
        """List the differences from `other`: its revision, and the kinds of definitions."""
        moved = [] if self.revision == other.revision else [f"revision {other.revision}"]
        kinds = self.definitions.keys() | other.definitions.keys()
        return moved + sorted(
            kind for kind in kinds if self.definitions.get(kind) != other.definitions.get(kind)
        )


def run(read: Read) -> Finding:
    """Compare the schema of each database with the files."""
    try:
        found = {name: schema_of(read, name) for name in DATABASES}
    except Refused as unreadable:
        return inconclusive(unreadable.message)
    faults = [fault for name in DATABASES for fault in _faults(name, found[name])]
    holds = ", ".join(f"{name} at {schema}" for name, schema in found.items())
    told = {name: schema and str(schema) for name, schema in found.items()}
    return all_true(faults, holds=holds, broken="migrations are missing (rubyops migrate)", **told)


def _faults(database: Database, found: Schema | None) -> list[str]:
    newest = newest_schema(database)
    if found is None or found.revision != newest.revision:
        at = found.revision if found else "no revision"
        return [f"{database} is at {at}, newest is {newest.revision}"]
    other = found.lacks(newest)
    return [f"{database} has other {', '.join(other)} than this checkout"] if other else []


def newest_schema(database: Database) -> Schema:
    """Return the schema that a migration with this checkout's files would produce."""
    return Schema(migrations.newest_revision(database), definitions.digests(database))


def schema_of(read: Read, database: Database) -> Schema | None:
    """Return the schema that a database has, or None if the database is empty.

    Raises `Refused` if the database has tables, but not exactly one revision number.
    """
    there = read.one("facts_has_revision_table", database=database)
    rows = read.rows("facts_revision", database=database) if there["present"] else []
    revisions = [str(row["version_num"]) for row in rows]
    if len(revisions) == 1:
        kinds = read.rows("facts_definitions", database=database) if there["definitions"] else []
        return Schema(revisions[0], {row["kind"]: row["digest"] for row in kinds})
    if revisions or there["schema"]:
        raise _unclear(database, revisions)
    return None


def _unclear(database: Database, revisions: list[str]) -> Refused:
    found = ", ".join(revisions) or "none"
    return Refused(
        f"database {database} has a schema, and its revision cannot be told (found: {found}). "
        "Restore public.alembic_version, or begin with an empty database.",
        next_command="rubyops doctor",
    )


CHECK = Check("migrations-current", "Both databases are migrated", ("LOC-2",), run)
