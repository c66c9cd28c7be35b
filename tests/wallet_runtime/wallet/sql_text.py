"""Extracts function names, column names and JSON keys from the SQL text of schema wallet."""

import re
from collections.abc import Iterator
from functools import cache
from importlib import resources

SQL = resources.files("sql")
_FUNCTION = re.compile(
    r"CREATE (?:OR REPLACE )?FUNCTION wallet\.(\w+)\((.*?)\)\s*RETURNS.*?AS \$\$(.*?)\$\$", re.S
)
_TABLE = re.compile(r"CREATE TABLE wallet\.(\w+) \((.*?)\n\)", re.S)
_COLUMN = re.compile(r"^ +([a-z_0-9]+) ", re.M)
_COMMENT = re.compile(r"--[^\n]*")
# Matches `jsonb_array_elements(c.records->'transfers') t`, also with coalesce or in a FOR loop.
_ROWS = re.compile(
    r"(?:FOR (?P<each>\w+) IN SELECT \* FROM )?"
    r"jsonb_array_elements\((?:coalesce\()?(?:c\.records|r)->'(?P<record>\w+)'(?:, '\[\]'\))?\)"
    r"(?: WITH ORDINALITY AS each \((?P<first>\w+), \w+\)| (?:AS )?(?P<alias>\w+))"
)
_LEGS = re.compile(r"jsonb_array_elements\(c\.legs\) (?:AS )?(\w+)|(\w+) := c\.legs->\w+")
_PASSED_ON = re.compile(r"wallet\.(\w+)\(c, (?:c\.records|r)->'(\w+)'\)")
_CHAINED = re.compile(r"c\.records->'(\w+)'->>?'(\w+)'")


@cache
def shipped() -> str:
    """Return all shipped SQL without comments, in the order of the file names."""
    files = sorted(_files(SQL), key=lambda file: file[0])
    return "\n".join(_COMMENT.sub("", text) for _, text in files)


def _files(folder: object) -> Iterator[tuple[str, str]]:
    for entry in folder.iterdir():  # type: ignore[attr-defined]
        if entry.is_dir():
            yield from _files(entry)
        elif entry.name.endswith(".sql") and ".down." not in entry.name:
            yield str(entry), entry.read_text(encoding="utf-8")


@cache
def functions(sql: str) -> dict[str, tuple[str, str]]:
    """Return parameters and body of each function of schema wallet, each on one line."""
    return {name: (_line(given), _line(body)) for name, given, body in _FUNCTION.findall(sql)}


def _line(text: str) -> str:
    return " ".join(text.split()).replace("( ", "(")


def columns(sql: str, table: str) -> set[str]:
    """Return the columns of a table of schema wallet."""
    return set(_COLUMN.findall(dict(_TABLE.findall(sql))[table]))


def keys(text: str, name: str) -> set[str]:
    """Return the keys that SQL text reads or tests of the JSON value `name`."""
    read = re.findall(rf"\b{name}(?:->>?| \? )'(\w+)'", text)
    asked = re.findall(rf"\b{name} \?\| ARRAY\[(.*?)\]", text)
    return set(read) | {key for each in asked for key in re.findall(r"'(\w+)'", each)}


def keys_of_records(sql: str) -> dict[str, set[str]]:
    """Return the keys that SQL reads of each kind of record in `wallet.command.records`."""
    known = functions(sql)
    found: dict[str, set[str]] = {}
    for _, body in known.values():
        for record, key in _CHAINED.findall(body):
            found.setdefault(record, set()).add(key)
        for called, record in _PASSED_ON.findall(body):
            given, callee = known[called]
            second = given.split(",")[1].split()[0]
            found.setdefault(record, set()).update(keys(callee, second))
        for text, record, alias in _row_readers(body):
            found.setdefault(record, set()).update(keys(text, alias))
    return found


def _row_readers(body: str) -> Iterator[tuple[str, str, str]]:
    """Yield (text, record, alias) for each place that reads the rows of a record."""
    for statement in body.split(";"):
        for row in _ROWS.finditer(statement):
            looped = row["each"]
            yield (
                body if looped else statement,
                row["record"],
                looped or row["first"] or row["alias"],
            )


def names_of_records(sql: str) -> set[str]:
    """Return the kinds of records that SQL reads from a command."""
    texts = [body for given, body in functions(sql).values() if "c wallet.command" in given]
    return set().union(
        *(keys(text, r"c\.records") for text in texts),
        *(keys(text, "r") for text in texts if "r jsonb := c.records" in text),
    )


def keys_of_legs(sql: str) -> set[str]:
    """Return the keys that SQL reads of a leg."""
    found: set[str] = set()
    for _, body in functions(sql).values():
        for rows, assigned in _LEGS.findall(body):
            found |= keys(body, rows or assigned)
    return found


def keys_built(sql: str, *names: str) -> set[str]:
    """Return the keys of the JSON objects that these functions build."""
    return {key for name in names for key in re.findall(r"'(\w+)', ", functions(sql)[name][1])}
