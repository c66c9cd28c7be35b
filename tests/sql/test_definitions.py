"""Each definition file holds statements of one kind, and can be applied again and again."""

import re
from typing import get_args

import psycopg
import pytest

from rubyops.ports import Database
from sql import definitions
from tests.cluster import TestDatabase

# The allowed beginnings of the statements of each kind.
BEGINNINGS = {
    "functions": ("CREATE OR REPLACE FUNCTION ",),
    "views": ("CREATE OR REPLACE VIEW ",),
    "triggers": (
        "CREATE OR REPLACE TRIGGER ",
        "CREATE CONSTRAINT TRIGGER ",
        "DROP TRIGGER IF EXISTS ",
        "ALTER TABLE wallet.wallet_ledger ENABLE ALWAYS TRIGGER ",
    ),
    "grants": ("GRANT ", "REVOKE ", "ALTER FUNCTION ", "ALTER SCHEMA ", "DO $$"),
}
STATEMENT = re.compile(r"(?:CREATE|ALTER|DROP|GRANT|REVOKE|INSERT|UPDATE|DELETE|DO|COMMENT)\b")
SEALED = """
    SELECT k.kind, array(SELECT a.attname::text FROM pg_attribute a
                          WHERE a.attrelid = t.tgrelid AND a.attnum > 0 AND NOT a.attisdropped
                            AND a.attname <> ALL (k.unsealed) ORDER BY 1) AS sealed,
           array(SELECT a.attname::text FROM pg_attribute a
                  WHERE a.attrelid = t.tgrelid AND a.attnum > 0 AND NOT a.attisdropped
                    AND (cardinality(t.tgattr::smallint[]) = 0
                         OR a.attnum = ANY (t.tgattr::smallint[]))
                  ORDER BY 1) AS watched
      FROM wallet.sealed_kinds() k
      LEFT JOIN pg_trigger t ON t.tgrelid = ('wallet.' || k.kind)::regclass
                            AND t.tgfoid = 'wallet.seal_record'::regproc
"""

PLANNED_EACH_TIME = """
    SELECT p.oid::regprocedure::text FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
     WHERE l.lanname = 'sql' AND p.prosrc ~ '\\m(FROM|INTO|UPDATE)\\s+(wallet|rolling|player)[._]'
"""
# Functions that are called rarely, or once for many rows. They need no cached plan.
RARE = {
    "rolling.answer_to",
    "rolling.rollings_between",
    "rolling.turnover_between",
    "wallet.compare_rules",
    "wallet.explain_drift",
    "wallet.topology_move_obstacles",
}


@pytest.mark.parametrize("kind", definitions.KINDS)
@pytest.mark.parametrize("which", get_args(Database))
def test_a_file_holds_statements_of_its_kind_alone(which: Database, kind: str) -> None:
    lines = [line for text in definitions.texts(which, kind) for line in text.splitlines()]
    statements = [line for line in lines if STATEMENT.match(line)]
    assert [line for line in statements if not line.startswith(BEGINNINGS[kind])] == []


@pytest.mark.parametrize("which", get_args(Database))
def test_every_file_is_of_a_kind(which: Database) -> None:
    read = [path for kind in definitions.KINDS for path in definitions.files(which, kind)]
    assert sorted(read) == sorted((definitions.FOLDER / which).rglob("*.sql"))


def test_a_sealed_record_has_its_trigger_on_every_column_but_the_unsealed_ones(
    platform_db: TestDatabase,
) -> None:
    with psycopg.connect(platform_db.superuser_dsn) as connection:
        kinds = connection.execute(SEALED.encode()).fetchall()
    assert len(kinds) > 15
    assert [kind for kind, sealed, watched in kinds if sealed != watched] == []


def test_a_function_that_is_called_for_one_player_keeps_its_plan(
    platform_db: TestDatabase,
) -> None:
    """Such a function is not LANGUAGE sql, which PostgreSQL plans anew in each transaction."""
    with psycopg.connect(platform_db.superuser_dsn) as connection:
        found = connection.execute(PLANNED_EACH_TIME.encode()).fetchall()
    assert {name.partition("(")[0] for (name,) in found} == RARE
