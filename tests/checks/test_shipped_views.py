"""A view counts as replaced if its plan differs every time, not if it differs once."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain, repeat

from checks.release._shipped_views import replaced_views
from rubyops.ports import Database, Row
from rubyops.testing.reading import MemoryRead
from sql.views import plan_of_found, shipped_views

VIEW = "wallet.conservation"
PLAN = ["CTE Scan on judged", "  CTE judged", "    ->  Seq Scan on wallet.wallet_gate"]


@dataclass
class Planner(MemoryRead):
    """A stub of the planner: `found` has the plans of the database's view, `plan` all others."""

    plan: list[str] = field(default_factory=lambda: PLAN)
    found: Iterator[list[str]] = field(default_factory=lambda: repeat(PLAN))

    def rows(
        self, query: str, /, *, database: Database = "platform", **values: object
    ) -> list[Row]:
        del database, values
        lines = next(self.found) if query == plan_of_found(VIEW) else self.plan
        return [{"QUERY PLAN": line} for line in lines]


def test_equal_plans_are_no_replaced_view() -> None:
    assert shipped_views().keys() >= {VIEW}
    assert list(replaced_views(Planner())) == []


def test_a_table_that_grew_between_two_plans_is_no_replaced_view() -> None:
    once = chain([["CTE Scan on judged", "Index Scan"]], repeat(PLAN))
    assert list(replaced_views(Planner(found=once))) == []


def test_the_number_of_a_counted_statement_is_not_compared() -> None:
    assert list(replaced_views(Planner(found=repeat([*PLAN, "Query Identifier: 7"])))) == []


def test_a_plan_that_keeps_differing_is_a_replaced_view() -> None:
    told = list(replaced_views(Planner(found=repeat([*PLAN, "  One-Time Filter: false"]))))
    assert len(told) == 1
    assert told[0].startswith(f"view {VIEW} was replaced: ")


def test_no_plan_at_all_is_not_equal_to_none() -> None:
    told = list(replaced_views(Planner(plan=[], found=repeat([]))))
    assert len(told) == len(shipped_views())
