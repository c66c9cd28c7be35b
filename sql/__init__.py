"""Named SQL: the statements that the programs run, loaded from `sql/queries/<owner>.sql`.

A block is `-- name: <name>`, one or more comment lines that say what it is for, then one statement
with `%(named)s` parameters. A name used twice, an empty block or a block without its sentence is
refused at load. A name with `{publisher}` or `{consumer}` stands for one statement per owner
(`sql.owners`). In any other statement, the part between `-- each consumer` and `-- union all` is
written once per consumer. `sql.views` makes the statements that compare views with their files.
"""

import re
from functools import cache
from pathlib import Path

from sql.owners import fill, fillings, repeat
from sql.views import plans

HERE = Path(__file__).parent
_NAME = re.compile(r"^-- name: ((?:[a-z0-9_]|\{publisher\}|\{consumer\})+)$")


class QueryFileError(Exception):
    """A query file is not well formed."""


@cache
def load() -> dict[str, str]:
    """Read all query files, and return the statements by name. Later calls return the same."""
    queries: dict[str, str] = {}
    for path in sorted((HERE / "queries").glob("*.sql")):
        for name, text in _blocks(path):
            if name in queries:
                raise QueryFileError(f"{path.name}: query {name!r} is defined twice")
            queries[name] = text
    return queries


def query(name: str) -> str:
    """Return one statement. Raises `QueryFileError` for an unknown name.

    Modules call this when they are imported, so that a process with an unknown name cannot start.
    """
    found = load().get(name) or plans().get(name)
    if found is None:
        raise QueryFileError(f"no query is named {name!r} in sql/queries")
    return found


def _blocks(path: Path) -> list[tuple[str, str]]:
    return [
        (fill(name, owners), fill(_statement(path, name, lines), owners))
        for name, lines in _named(path)
        for owners in fillings(name)
    ]


def _named(path: Path) -> list[tuple[str, list[str]]]:
    """Return the lines below each `-- name:` line, by name."""
    found: list[tuple[str, list[str]]] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        match = _NAME.match(line)
        if match:
            found.append((match[1], []))
        elif found:
            found[-1][1].append(line)
        elif line.strip() and not line.startswith("--"):
            raise QueryFileError(f"{path.name}:{number}: SQL before the first '-- name:' line")
    return found


def _statement(path: Path, name: str, lines: list[str]) -> str:
    body = repeat("\n".join(line for line in lines if not line.startswith("--"))).strip()
    if not body or not any(line.startswith("-- ") for line in lines):
        raise QueryFileError(
            f"{path.name}: query {name!r} needs a sentence of purpose and a statement"
        )
    return body
