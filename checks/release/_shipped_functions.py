"""Compares the functions of the database with the functions in this checkout's files.

A trusted function is dangerous if somebody replaced its body, or made it look up names in another
schema. The catalog shows only the present function, so the files say how it should be.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cache

from checks.release._wallet_rights import WALLET_OWNER
from rubyops.ports import Row
from sql import definitions, migrations

_FILES = "sql/definitions/platform"
_CREATED = re.compile(
    r"^CREATE (?:OR REPLACE )?(?:FUNCTION|PROCEDURE) (\w+\.\w+)\s*\(([^;]*?)\bAS (\$\w*\$)(.*?)\3",
    re.DOTALL | re.MULTILINE,
)
_OWNER = re.compile(r"^ALTER FUNCTION (\w+\.\w+)\([^)]*\)\s+OWNER TO (\w+);", re.MULTILINE)
_CLAUSE = (
    r"(?:\s+(?:LANGUAGE|SET|SECURITY|IMMUTABLE|STABLE|VOLATILE|STRICT|PARALLEL|LEAKPROOF|RETURNS"
    r"|CALLED|COST|ROWS|SUPPORT)\b|\s*$)"
)
_LANGUAGE = re.compile(r"\bLANGUAGE (\w+)")
_RESULT = re.compile(rf"\bRETURNS (?!NULL ON)(.+?)(?={_CLAUSE})")
_SETTING = re.compile(rf"\bSET (\w+) (?:=|TO) (.+?)(?={_CLAUSE})")
_VOLATILITY = re.compile(r"\b(IMMUTABLE|STABLE|VOLATILE)\b")
_PARALLEL = re.compile(r"\bPARALLEL (\w+)")
_STRICT = re.compile(r"\b(?:STRICT|RETURNS NULL ON NULL INPUT)\b")
_TIME = re.compile(r"\btimestamptz\b")

# The compared columns of a function in the catalog, each with words for a message.
_COMPARED = {
    "body": "its body",
    "language": "its language",
    "as_owner": "whose rights it runs with (SECURITY DEFINER)",
    "settings": "its settings",
    "volatility": "its volatility",
    "strict": "whether NULL skips it (STRICT)",
    "parallel": "its parallel safety",
    "leakproof": "whether it is trusted with hidden rows (LEAKPROOF)",
    "support": "its planner support function",
    "parameters": "its parameters",
    "result": "its result",
}


class Shipped:
    """One function as its file defines it."""

    def __init__(self, head: str, body: str) -> None:
        """Parse a CREATE FUNCTION: `head` is the text between the name and the body."""
        parameters, clauses = _parted(_as_printed(" ".join(head.split())))
        self.facts: dict[str, object] = {
            "body": body,
            "support": "none",
            "parameters": parameters,
            # A function with OUT parameters has no RETURNS clause.
            "result": _first(_RESULT, clauses, "") or None,
            **_words_of(clauses),
            **_flags_of(clauses),
        }

    @property
    def as_owner(self) -> bool:
        """Whether the function is SECURITY DEFINER."""
        return self.facts["as_owner"] is True

    def differs(self, row: Row) -> str | None:
        """Describe the first difference of the function in the database, or return None."""
        other = next((fact for fact in _COMPARED if self._is_other(fact, row[fact])), None)
        return None if other is None else self._difference(other, row[other])

    def _is_other(self, fact: str, found: object) -> bool:
        shipped = self.facts[fact]
        return found != shipped and not (fact == "result" and shipped is None)

    def _difference(self, fact: str, found: object) -> str:
        words = _COMPARED[fact]
        if fact == "body":
            return words
        return f"{words}, {_told(found)} instead of {_told(self.facts[fact])}"


def _words_of(clauses: str) -> dict[str, str]:
    """Return the facts of a function's clauses that are words, with PostgreSQL's defaults."""
    settings = [f"{name}={value.strip(chr(39))}" for name, value in _SETTING.findall(clauses)]
    return {
        "language": _first(_LANGUAGE, clauses, "sql").lower(),
        "settings": "; ".join(sorted(settings)) or "none",
        "volatility": _first(_VOLATILITY, clauses, "volatile").lower(),
        "parallel": _first(_PARALLEL, clauses, "unsafe").lower(),
    }


def _flags_of(clauses: str) -> dict[str, bool]:
    """Return the facts of a function's clauses that are true or false."""
    return {
        "as_owner": "SECURITY DEFINER" in clauses,
        "strict": _STRICT.search(clauses) is not None,
        "leakproof": "LEAKPROOF" in clauses,
    }


def _as_printed(head: str) -> str:
    """Spell types the way PostgreSQL prints them."""
    return _TIME.sub("timestamp with time zone", head).replace("TABLE (", "TABLE(")


def _parted(head: str) -> tuple[str, str]:
    """Split the text into parameters and clauses, at the parenthesis that closes the parameters."""
    depth = 1
    for at, character in enumerate(head):
        depth += {"(": 1, ")": -1}.get(character, 0)
        if depth == 0:
            return head[:at].strip(), head[at + 1 :].strip()
    raise ValueError(f"the parameters of a function of sql/definitions have no end: {head}")


def _first(pattern: re.Pattern[str], text: str, otherwise: str) -> str:
    found = pattern.search(text)
    return found[1] if found else otherwise


def _told(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value) or "none"


@cache
def shipped() -> Mapping[str, tuple[Shipped, ...]]:
    """Read all functions from the files, by name with schema. Overloads share a name."""
    found: dict[str, list[Shipped]] = defaultdict(list)
    for text in _texts():
        for name, head, _, body in _CREATED.findall(text):
            found[name].append(Shipped(head, body))
    return {name: tuple(functions) for name, functions in found.items()}


def _texts() -> Iterator[str]:
    yield from definitions.texts("platform", "functions")
    # Migrations create the functions that an index or a constraint calls.
    yield from migrations.texts("platform")


def strangers(rows: Sequence[Row]) -> list[str]:
    """Return a sentence for each function that differs from its file in text, number or owner."""
    return [*_replaced(rows), *_miscounted(rows), *_owned_by_others(rows)]


def _replaced(rows: Sequence[Row]) -> Iterator[str]:
    for row in rows:
        if fault := _replacement(row):
            yield f"function {row['signature']} {fault}"


def _replacement(row: Row) -> str | None:
    differences = [function.differs(row) for function in shipped().get(row["name"], ())]
    if not differences:
        return "is in no file of this checkout"
    if not all(differences):
        return None
    remedy = f"see who did, and run its CREATE FUNCTION of {_FILES} again"
    return f"was replaced: {differences[-1]}; {remedy}"


def _miscounted(rows: Sequence[Row]) -> Iterator[str]:
    found = Counter(row["name"] for row in rows)
    for name, known in shipped().items():
        if fault := _miscount(found[name], len(known)):
            yield f"function {name} {fault}"


def _miscount(there: int, made: int) -> str | None:
    if not there:
        return "is missing: run rubyops migrate, or see who dropped it"
    return f"is there {there} times, the files make {made}" if there > made else None


def _owned_by_others(rows: Sequence[Row]) -> Iterator[str]:
    for row in rows:
        expected = _owner_of(row)
        if row["owner"] != expected:
            yield f"function {row['signature']} belongs to {row['owner']}, not to {expected}"


def _owner_of(row: Row) -> str:
    """Return the owner that a function should have."""
    return WALLET_OWNER if row["in_wallet"] else _owners().get(row["name"], row["owner"])


@cache
def _owners() -> Mapping[str, str]:
    rights = definitions.texts("platform", "grants")
    return {name: owner for text in rights for name, owner in _OWNER.findall(text)}
