"""The definitions of a database: its functions, views, triggers and grants, which have no versions.

The files are `<database>/<schema>/<kind>.sql`, or a folder `<kind>` of them. They are applied whole
on top of the tables, kind by kind in the order of `KINDS`, whenever their digest is another than
the one that the database keeps (ADR 26). Those of `consumer` stand for one text per consumer of
events (`sql.owners`).
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path

from sql.owners import CONSUMERS, fill, fillings

FOLDER = Path(__file__).parent
# Views and functions may use each other whatever the order. Triggers need functions, rights all.
KINDS = ("views", "functions", "triggers", "grants")
CONSUMER = "consumer"


def schemas(database: str) -> list[str]:
    """Name the schemas of a database whose definitions the files give."""
    names = {path.name for path in _folders(database)}
    if CONSUMER in names:
        names = names - {CONSUMER} | CONSUMERS.keys()
    return sorted(names)


def texts(database: str, kind: str) -> Iterator[str]:
    """Read the texts of one kind, in the order in which they are applied."""
    for path in files(database, kind):
        text = path.read_text(encoding="utf-8")
        if path.is_relative_to(FOLDER / database / CONSUMER):
            yield from (fill(text, names) for names in fillings("{consumer}"))
        else:
            yield text


def digests(database: str) -> dict[str, str]:
    """Return the sha256 over the texts of each kind, as hex digits."""
    return {kind: _digest(texts(database, kind)) for kind in KINDS}


def files(database: str, kind: str) -> list[Path]:
    """List the files of one kind, in their order."""
    return [
        path
        for folder in sorted(_folders(database))
        for path in sorted([*folder.glob(f"{kind}.sql"), *folder.glob(f"{kind}/*.sql")])
    ]


def _digest(parts: Iterator[str]) -> str:
    total = hashlib.sha256()
    for text in parts:
        total.update(hashlib.sha256(text.encode()).digest())
    return total.hexdigest()


def _folders(database: str) -> Iterator[Path]:
    return (path for path in (FOLDER / database).iterdir() if path.is_dir())
