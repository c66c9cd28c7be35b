"""The definitions of a database: its functions, views, triggers and grants, which have no versions.

The files are `<database>/<schema>/<kind>.sql`, or a folder `<kind>` of them. They are applied whole
on top of the tables, kind by kind in the order of `KINDS`, whenever their digest is another than
the one that the database keeps (ADR 23).
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path

FOLDER = Path(__file__).parent
# Views and functions may use each other whatever the order. Triggers need functions, rights all.
KINDS = ("views", "functions", "triggers", "grants")


def schemas(database: str) -> list[str]:
    """Name the schemas of a database whose definitions the files give."""
    return sorted(path.name for path in _schema_folders(database))


def texts(database: str, kind: str) -> Iterator[str]:
    """Read the files of one kind, in the order in which they are applied."""
    for path in _paths(database, kind):
        yield path.read_text(encoding="utf-8")


def digests(database: str) -> dict[str, str]:
    """Return the sha256 of each kind's files, names and texts, as hex digits."""
    return {kind: _digest(database, kind) for kind in KINDS}


def _digest(database: str, kind: str) -> str:
    total = hashlib.sha256()
    for path in _paths(database, kind):
        name = path.relative_to(FOLDER).as_posix()
        total.update(hashlib.sha256(name.encode()).digest())
        total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def _paths(database: str, kind: str) -> list[Path]:
    return [
        path
        for folder in sorted(_schema_folders(database))
        for path in sorted([*folder.glob(f"{kind}.sql"), *folder.glob(f"{kind}/*.sql")])
    ]


def _schema_folders(database: str) -> Iterator[Path]:
    return (path for path in (FOLDER / database).iterdir() if path.is_dir())
