"""Compares the views of the database with the views in this checkout's files.

Reconciliation and the gates read drift and sums from views. If somebody replaced a view by one that
leaves rows out, these checks would not see money that was written without the wallet.
"""

from collections.abc import Iterator

from rubyops.ports import Read, Row
from sql.views import plan_of_found, plan_of_shipped, shipped_views

# Two plans of the same query may differ because its table grew or was analyzed in between. So the
# comparison is repeated. A replaced view differs each time.
ATTEMPTS = 3
_FILES = "sql/definitions/platform"
_QUERY_ID = "Query Identifier:"  # differs for each text; printed if compute_query_id is on


def strange_views(read: Read) -> Iterator[str]:
    """Return a sentence for each view of schema wallet that is missing, extra or altered.

    The text of the query is not compared here.
    """
    found = {str(row["name"]): row for row in read.rows("grants_wallet_views")}
    for name in sorted(shipped_views().keys() - found.keys()):
        yield f"view {name} is missing: run rubyops migrate, or see who dropped it"
    for name, row in found.items():
        if fault := _strange(name, row):
            yield f"view {name} {fault}"


def _strange(name: str, row: Row) -> str | None:
    if name not in shipped_views():
        return "is in no file of this checkout"
    if row["kind"] == "m":
        return "is materialized, its file makes a plain one"
    return f"has the options {row['options']}, its file gives it none" if row["options"] else None


def replaced_views(read: Read) -> Iterator[str]:
    """Return a sentence for each view whose query plan differs from the plan of its file."""
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
