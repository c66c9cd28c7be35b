"""The definitions of a database: its functions, views, triggers and grants, which have no versions.

The files are `<database>/<schema>/<kind>.sql`, or a folder `<kind>` of files. A migration applies
all files on top of the tables, in the order of `KINDS`, if their digest differs from the digest
that the database stores (ADR 26). A file in the folder `consumer` is a template. It gives one text
for each consumer of events (`sql.owners`).
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path

from sql.owners import fill, fillings
from wallet_runtime.contract.consumers import WALLET_CONSUMERS
from wallet_runtime.contract.processes import PROCESSES

FOLDER = Path(__file__).parent
# The order of application. Triggers need functions, and grants need all others. Views and functions
# may refer to each other, because a migration does not check function bodies in between.
KINDS = ("views", "functions", "triggers", "grants")
CONSUMER = "consumer"
# `{processes}` in a definition becomes the list of the roles of all processes.
ROLES = {"{processes}": ", ".join(PROCESSES)}


def schemas(database: str) -> list[str]:
    """Return the names of the schemas that have definitions in the files."""
    names = {path.name for path in _folders(database)}
    if CONSUMER in names:
        names = names - {CONSUMER} | WALLET_CONSUMERS.keys()
    return sorted(names)


def texts(database: str, kind: str) -> Iterator[str]:
    """Yield the SQL texts of one kind, in the order of application."""
    for path in files(database, kind):
        text = path.read_text(encoding="utf-8")
        if path.is_relative_to(FOLDER / database / CONSUMER):
            yield from (fill(text, names) for names in fillings("{consumer}"))
        else:
            yield fill(text, ROLES)


def digests(database: str) -> dict[str, str]:
    """Return the SHA-256 of the texts of each kind, in hex."""
    return {kind: _digest(texts(database, kind)) for kind in KINDS}


def files(database: str, kind: str) -> list[Path]:
    """List the files of one kind, in the order of application."""
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
