"""The numbered revisions of each database: schemas, roles, tables and what they need, with data.

A released revision never changes, nor does a file of `templates`, which revisions fill in.
`tests/data/revisions.sha256` holds the digest of each file.
"""

from collections.abc import Iterator
from pathlib import Path

FOLDER = Path(__file__).parent


def newest_revision(database: str) -> str:
    """Return the newest revision that the files give, such as `0002`."""
    return max(path.stem.partition("_")[0] for path in (FOLDER / database).glob("[0-9]*_*.py"))


def texts(database: str) -> Iterator[str]:
    """Read the statements of every way up, in their order."""
    for path in sorted((FOLDER / database / "statements").glob("*.up.sql")):
        yield path.read_text(encoding="utf-8")
