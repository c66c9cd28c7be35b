"""The functions that this checkout's migrations create, held against those that the database has.

A replaced body writes what it likes under a trusted name. The database is no witness of what a
function should be; the files are.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path

import sql
from checks.release._wallet_rights import WALLET_OWNER
from rubyops.ports import Row

_CREATED = re.compile(
    r"^CREATE (?:OR REPLACE )?(?:FUNCTION|PROCEDURE) (\w+\.\w+)\s*\(([^;]*?)\bAS (\$\w*\$)(.*?)\3",
    re.DOTALL | re.MULTILINE,
)
_LANGUAGE = re.compile(r"\bLANGUAGE (\w+)")
_OWNER = re.compile(r"^ALTER FUNCTION (\w+\.\w+)\([^)]*\) OWNER TO (\w+);", re.MULTILINE)


class Shipped:
    """One function as the migrations leave it."""

    def __init__(self, head: str, body: str) -> None:
        """Read the language and the rights it runs with from between its name and its body."""
        found = _LANGUAGE.search(head)
        self.language = found[1].lower() if found else "sql"
        self.as_owner = "SECURITY DEFINER" in head
        self.body = body

    def differs(self, row: Row) -> str | None:
        """Say in what a function of the database is not this one."""
        if row["body"] != self.body:
            return "its body"
        if row["language"] != self.language:
            return f"its language, {row['language']}"
        return "whose rights it runs with" if row["as_owner"] != self.as_owner else None


@cache
def shipped() -> Mapping[str, tuple[Shipped, ...]]:
    """Read every function of the platform's migrations, by name with schema."""
    found: dict[str, list[Shipped]] = defaultdict(list)
    for path in sorted(_folder().glob("*.up.sql")):
        for name, head, _, body in _CREATED.findall(path.read_text(encoding="utf-8")):
            found[name].append(Shipped(head, body))
    return {name: tuple(functions) for name, functions in found.items()}


def strangers(rows: Sequence[Row]) -> list[str]:
    """Name every function that is not as the migrations made it, by text, number or owner."""
    return [*_replaced(rows), *_miscounted(rows), *_owned_by_others(rows)]


def _replaced(rows: Sequence[Row]) -> Iterator[str]:
    for row in rows:
        known = shipped().get(row["name"], ())
        differences = [function.differs(row) for function in known]
        if not known:
            yield f"function {row['signature']} is made by no migration of this checkout"
        elif all(differences):
            what = f"{differences[-1]} is not that of this checkout's migrations"
            yield f"function {row['signature']} was replaced: {what}"


def _miscounted(rows: Sequence[Row]) -> Iterator[str]:
    there = Counter(row["name"] for row in rows)
    for name, known in shipped().items():
        if not there[name]:
            yield f"function {name} is missing: run rubyops migrate, or see who dropped it"
        elif there[name] > len(known):
            yield f"function {name} is there {there[name]} times, the migrations make {len(known)}"


def _owned_by_others(rows: Sequence[Row]) -> Iterator[str]:
    for row in rows:
        expected = WALLET_OWNER if row["in_wallet"] else _owners().get(row["name"], row["owner"])
        if row["owner"] != expected:
            yield f"function {row['signature']} belongs to {row['owner']}, not to {expected}"


@cache
def _owners() -> Mapping[str, str]:
    texts = (path.read_text(encoding="utf-8") for path in sorted(_folder().glob("*.up.sql")))
    return {name: owner for text in texts for name, owner in _OWNER.findall(text)}


def _folder() -> Path:
    return Path(sql.__file__).parent / "migrations" / "platform" / "statements"
