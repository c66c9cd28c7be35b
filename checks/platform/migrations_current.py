"""Both databases stand at the newest revision that this checkout knows.

When it fails, code and schema do not belong together: statements fail, or guards that a newer revision brings are missing.
"""

from pathlib import Path

import sql
from checks._answer import all_true
from rubyops.errors import Refused
from rubyops.model.finding import Finding, inconclusive
from rubyops.model.step import Check
from rubyops.ports import Database, Read

DATABASES: tuple[Database, ...] = ("platform", "control")


def run(read: Read) -> Finding:
    """Compare each database's revision with the newest revision file."""
    try:
        found = {name: revision_of(read, name) for name in DATABASES}
    except Refused as unreadable:
        return inconclusive(unreadable.message)
    faults = [
        f"{name} is at {found[name] or 'no revision'}, newest is {newest_revision(name)}"
        for name in DATABASES
        if found[name] != newest_revision(name)
    ]
    holds = ", ".join(f"{name} at {revision}" for name, revision in found.items())
    return all_true(faults, holds=holds, broken="migrations are missing (rubyops migrate)", **found)


def newest_revision(database: Database) -> str:
    """Return the newest revision that the files of this checkout give, such as `0002`."""
    folder = Path(sql.__file__).parent / "migrations" / database
    return max(path.stem.split("_")[0] for path in folder.glob("[0-9]*_*.py"))


def revision_of(read: Read, database: Database) -> str | None:
    """Return the revision that a database stands at; None where there is no schema of ours.

    Raises `Refused` where a schema is there and no revision says which one.
    """
    there = read.one("facts_has_revision_table", database=database)
    rows = read.rows("facts_revision", database=database) if there["present"] else []
    if len(rows) == 1:
        return str(rows[0]["version_num"])
    if rows or there["schema"]:
        found = ", ".join(str(row["version_num"]) for row in rows) or "none"
        raise Refused(
            f"database {database} has a schema, and its revision cannot be told (found: {found}). "
            "Restore public.alembic_version, or begin with an empty database.",
            next_command="rubyops doctor",
        )
    return None


CHECK = Check("migrations-current", "Both databases are migrated", ("LOC-2",), run)
