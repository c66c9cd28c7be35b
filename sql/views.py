"""The views of the platform's definitions, and the statements that compare them.

PostgreSQL prints a view otherwise than it was written, and otherwise in each major version. The
plans of the text in the files and of the view in the database are printed by one server, so they
can be compared. A materialized CTE around each keeps the names of its columns in the plan.
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
    """Read every view of the platform's definitions, by name with schema."""
    return {
        name: _COMMENT.sub("", text).strip()
        for file in texts("platform", "views")
        for name, text in _VIEW.findall(file)
    }


def plan_of_shipped(view: str) -> str:
    """Name the statement that plans the text of a view as the files have it."""
    return f"plan_of_shipped {view}"


def plan_of_found(view: str) -> str:
    """Name the statement that plans a view as the database has it."""
    return f"plan_of_found {view}"


@cache
def plans() -> Mapping[str, str]:
    """Make the two statements of each view, as a driver takes them: a percent sign is doubled."""
    made = dict[str, str]()
    for name, text in shipped_views().items():
        alias = name.partition(".")[2]
        shipped = _PLAN.format(source=f"({text}) AS {alias}")
        made[plan_of_shipped(name)] = shipped.replace("%", "%%")
        made[plan_of_found(name)] = _PLAN.format(source=name)
    return made
