"""Compares the views that this checkout's files create with those of the database.

Reconciliation and the gates read drift, sums and conservation from views. A view that leaves rows
out finds no drift, so money that was written past the wallet would stay unseen.
"""

from collections.abc import Iterator

from rubyops.ports import Read
from sql.views import plan_of_found, plan_of_shipped, shipped_views

# A table may grow or be analyzed between two plans of one query. A replaced view always differs.
ATTEMPTS = 3
_FILES = "sql/definitions/platform"
_QUERY_ID = "Query Identifier:"  # printed under compute_query_id; two texts have two


def strange_views(read: Read) -> Iterator[str]:
    """Name every view of schema wallet that is missing, of nobody, or read in another way."""
    found = {str(row["name"]): row for row in read.rows("grants_wallet_views")}
    for name in sorted(shipped_views().keys() - found.keys()):
        yield f"view {name} is missing: run rubyops migrate, or see who dropped it"
    for name, row in found.items():
        if name not in shipped_views():
            yield f"view {name} is in no file of this checkout"
        elif row["kind"] == "m":
            yield f"view {name} is materialized, its file makes a plain one"
        elif row["options"]:
            yield f"view {name} has the options {row['options']}, its file gives it none"


def replaced_views(read: Read) -> Iterator[str]:
    """Name every view that does not do what its file says."""
    for name in shipped_views():
        if not any(_plans_agree(read, name) for _ in range(ATTEMPTS)):
            told = f"see who did, and run its CREATE VIEW of {_FILES} again"
            yield f"view {name} was replaced: {told}"


def _plans_agree(read: Read, view: str) -> bool:
    shipped = _plan(read, plan_of_shipped(view))
    return bool(shipped) and shipped == _plan(read, plan_of_found(view))


def _plan(read: Read, statement: str) -> list[str]:
    lines = [str(line) for row in read.rows(statement) for line in row.values()]
    return [line for line in lines if not line.strip().startswith(_QUERY_ID)]
