"""Both databases have the schema of this checkout: its newest revision, and its definitions.

When it fails, code and schema do not belong together: statements fail, or guards are missing that a
newer revision, function, trigger or grant brings.
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
    """A revision of the tables, and the digest of each kind of definitions on top of them."""

    revision: str
    definitions: Mapping[str, str]

    def __str__(self) -> str:
        """Name both in short."""
        if not self.definitions:
            return self.revision
        total = hashlib.sha256(repr(sorted(self.definitions.items())).encode()).hexdigest()
        return f"{self.revision} with definitions {total[:12]}"

    def lacks(self, other: "Schema") -> list[str]:
        """Name what differs from another schema: its revision, and kinds of definitions."""
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
    """Return the schema that the files of this checkout give."""
    return Schema(migrations.newest_revision(database), definitions.digests(database))


def schema_of(read: Read, database: Database) -> Schema | None:
    """Return the schema that a database has; None where there is none of ours.

    Raises `Refused` where a schema is there and no revision says which one.
    """
    there = read.one("facts_has_revision_table", database=database)
    rows = read.rows("facts_revision", database=database) if there["present"] else []
    if len(rows) == 1:
        kinds = read.rows("facts_definitions", database=database) if there["definitions"] else []
        return Schema(str(rows[0]["version_num"]), {row["kind"]: row["digest"] for row in kinds})
    if rows or there["schema"]:
        found = ", ".join(str(row["version_num"]) for row in rows) or "none"
        raise Refused(
            f"database {database} has a schema, and its revision cannot be told (found: {found}). "
            "Restore public.alembic_version, or begin with an empty database.",
            next_command="rubyops doctor",
        )
    return None


CHECK = Check("migrations-current", "Both databases are migrated", ("LOC-2",), run)
