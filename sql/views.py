"""The views of the platform's definitions, and statements that compare them with a database.

The text of a view cannot be compared, because PostgreSQL stores it in another form, which differs
between major versions. So the server plans both the view and the text of the file, and the two
plans are compared. Each is planned within a materialized CTE, which keeps the column names in the
plan.
"""

import re
from collections.abc import Mapping
from functools import cache

from sql.definitions import texts

_WHOLE_LINES = re.DOTALL | re.MULTILINE
_VIEW = re.compile(r"^CREATE OR REPLACE VIEW (\w+\.\w+) AS\b(.*?);[ \t]*$", _WHOLE_LINES)
_COMMENT = re.compile(r"^\s*--.*$", re.MULTILINE)
_JUDGED = "WITH judged AS MATERIALIZED (SELECT * FROM {source}) SELECT * FROM judged"
_PLAN = "EXPLAIN (VERBOSE, COSTS OFF) " + _JUDGED


@cache
def shipped_views() -> Mapping[str, str]:
    """Return the text of every view in the files, by name with schema, without comments."""
    return {
        name: _COMMENT.sub("", text).strip()
        for file in texts("platform", "views")
        for name, text in _VIEW.findall(file)
    }


def plan_of_shipped(view: str) -> str:
    """Return the name of the statement that plans the text of a view in the files."""
    return f"plan_of_shipped {view}"


def plan_of_found(view: str) -> str:
    """Return the name of the statement that plans a view of the database."""
    return f"plan_of_found {view}"


@cache
def plans() -> Mapping[str, str]:
    """Return the two statements of each view, by name. Percent signs are doubled for the driver."""
    shipped = {
        plan_of_shipped(name): _plan(f"({text}) AS {name.partition('.')[2]}")
        for name, text in shipped_views().items()
    }
    return shipped | {plan_of_found(name): _plan(name) for name in shipped_views()}


def _plan(source: str) -> str:
    return _PLAN.format(source=source).replace("%", "%%")
