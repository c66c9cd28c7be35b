"""Every view is read from its file, and has the two statements that compare its plans."""

import re

import pytest

import sql
from sql import definitions
from sql.views import plan_of_found, plan_of_shipped, shipped_views

ANY_VIEW = re.compile(r"^\s*CREATE\b[^;(]*\bVIEW\s+(\S+)", re.IGNORECASE | re.MULTILINE)


def test_no_view_is_left_out() -> None:
    texts = definitions.texts("platform", "views")
    created = {name for text in texts for name in ANY_VIEW.findall(text)}
    assert created
    assert set(shipped_views()) == created


@pytest.mark.parametrize("view", shipped_views())
def test_each_view_has_two_statements_that_plan_and_do_not_run(view: str) -> None:
    shipped, found = sql.query(plan_of_shipped(view)), sql.query(plan_of_found(view))
    assert shipped.startswith("EXPLAIN (VERBOSE, COSTS OFF) ")
    assert found.startswith("EXPLAIN (VERBOSE, COSTS OFF) ")
    assert ";" not in shipped, "more than one statement"
    assert "%" not in shipped.replace("%%", ""), "a driver reads a percent sign as a parameter"


def test_a_statement_that_nobody_made_is_refused() -> None:
    with pytest.raises(sql.QueryFileError, match="no query is named 'plan_of_found wallet.none'"):
        sql.query(plan_of_found("wallet.none"))
