"""Searches the catalog for every way in which a role could write the wallet's tables.

The search covers the whole schema wallet, so it includes a new table without a change here.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from checks._answer import SAMPLES
from checks.release._shipped_functions import shipped, strangers
from checks.release._shipped_views import replaced_views, strange_views
from checks.release._wallet_rights import (
    CALLS,
    MONEY_TABLES,
    NEIGHBOURS,
    OWNERS,
    PARAMETERS,
    PARTITION_OF_LEDGER,
    PLATFORM_ROLES,
    PREDEFINED_WRITERS,
    TRIGGERS,
    TRIGGERS_ELSEWHERE,
    WALLET_OWNER,
    WRITES,
)
from rubyops.model.finding import Finding, failed, passed
from rubyops.ports import Read, Row

# Each query finds one kind of way to write, and returns a sentence for each.
QUERIES = (
    "grants_of_tables",
    "grants_of_parents",
    "grants_of_foreign_keys",
    "grants_of_functions",
    "grants_of_membership",
    "grants_of_attributes",
    "grants_of_owners",
    "grants_to_come",
    "grants_of_views",
    "grants_of_triggers",
    "grants_of_settings",
    "grants_of_hidden_code",
    "grants_of_planted_code",
    "grants_from_outside",
)
TRUSTED = (WALLET_OWNER, *PREDEFINED_WRITERS)
KNOWN = tuple(dict.fromkeys((*CALLS, *(role for role, *_ in WRITES))))


@dataclass(frozen=True)
class Relation:
    """A guarded relation. `root` is the table of schema wallet that it is, or is a partition of."""

    oid: int
    schema: str
    table: str
    root: str
    kind: str
    columns: tuple[str, ...]

    @property
    def name(self) -> str:
        """The relation's name with its schema."""
        return f"{self.schema}.{self.table}"

    @property
    def is_part(self) -> bool:
        """Whether the relation is a partition or child of its root."""
        return self.name != f"wallet.{self.root}"


def guarded(read: Read) -> list[Relation]:
    """List the relations of schema wallet, and their partitions and children in any schema."""
    rows = read.rows("grants_guarded")
    return [Relation(**{**row, "columns": tuple(row["columns"])}) for row in rows]


def known_writes() -> list[str]:
    """Return the rights of WRITES in the spelling of the catalog queries."""
    return [
        f"{role} {privilege} wallet.{table}" + (f".{column}" if column else "")
        for role, privilege, table, columns in WRITES
        for column in columns.split() or ("",)
    ]


def may_write(role: str, privilege: str, name: str, column: str = "") -> bool:
    """Whether WRITES gives the role this privilege on the table, or on this column of it.

    Without a column, the privilege on any column counts.
    """
    return any(
        not columns or not column or column in columns.split()
        for known, kind, table, columns in WRITES
        if (role, privilege, name) == (known, kind, f"wallet.{table}")
    )


def ways(read: Read) -> Finding:
    """Search for ways of every kind, and list them in one finding."""
    relations = guarded(read)
    found, total = _found(read, relations)
    if not found:
        # Views are compared last. PostgreSQL cannot plan a view whose owner lost a right, and the
        # queries above report such a right.
        found = list(replaced_views(read))
        total = len(found)
    if found:
        summary = f"ways past wallet_service: {total}; first: {found[0]}"
        return failed(summary, total=total, samples=found)
    return passed(
        f"only wallet_service's apply path can write the {len(relations)} tables of schema wallet",
        relations=len(relations),
        kinds=len(QUERIES) + 3,
    )


def _found(read: Read, relations: Sequence[Relation]) -> tuple[list[str], int]:
    """Return the ways that were found, as samples, and the number of all of them."""
    functions = read.rows("grants_function_bodies", shipped=list(shipped()))
    found = [*_missing(relations), *strangers(functions), *strange_views(read)]
    total = len(found)
    for rows in _by_kind(read, relations):
        total += int(rows[0]["total"]) if rows else 0
        found += [str(row["way"]) for row in rows]
    return found, total


def _missing(relations: Sequence[Relation]) -> Iterator[str]:
    there = {relation.name for relation in relations}
    for table in MONEY_TABLES:
        if f"wallet.{table}" not in there:
            yield f"wallet.{table} is missing: it was moved or renamed out of sight"


def _by_kind(read: Read, relations: Sequence[Relation]) -> Iterator[list[Row]]:
    oids = [relation.oid for relation in relations]
    roles = read.rows("grants_roles", guarded=oids, trusted=list(TRUSTED), known=list(KNOWN))
    every, needed = _triggers(relations)
    values: dict[str, Any] = {
        "guarded": oids,
        "roles": ["public", *(row["name"] for row in roles if row["judged"])],
        "writers": [row["name"] for row in roles if row["writes"]],
        "trusted": list(TRUSTED),
        "known": list(KNOWN),
        "owners": list(OWNERS),
        "platform_roles": list(PLATFORM_ROLES),
        "parameters": list(PARAMETERS),
        "neighbours": list(NEIGHBOURS),
        "known_writes": known_writes(),
        "known_calls": [f"{role} wallet.{name}" for role, names in CALLS.items() for name in names],
        "triggers": every,
        "needed_triggers": needed,
        "triggers_elsewhere": list(TRIGGERS_ELSEWHERE),
        "limit": SAMPLES,
    }
    for query in QUERIES:
        yield read.rows(query, **values)


def _triggers(relations: Sequence[Relation]) -> tuple[list[str], list[str]]:
    """Return the triggers that these relations may have, and the triggers that they must have."""
    every, needed = list[str](), list[str]()
    for relation in relations:
        for text, function, must_be in TRIGGERS.get(_place(relation), ()):
            spelled = f"{text.format(table=relation.name)} EXECUTE FUNCTION {function}"
            every.append(spelled)
            needed += [spelled] if must_be else []
    return every, needed


def _place(relation: Relation) -> str:
    # A listed table needs its own triggers, even if somebody made it a child of another table.
    if relation.schema == "wallet" and relation.table in TRIGGERS:
        return relation.table
    is_ledger = relation.is_part and relation.root == "wallet_ledger"
    return PARTITION_OF_LEDGER if is_ledger else relation.root
