"""The template of a consumer's tables needs nothing but the name of the owner."""

import re
from typing import Any

import psycopg
import pytest

from sql import definitions, owners
from sql.migrations.apply import TEMPLATES, template_text
from tests.cluster import TestDatabase
from wallet_runtime.contract.consumers import WALLET_CONSUMERS, Consumer

NEWEST = max(path.stem for path in TEMPLATES.glob("consumer_*.sql"))
ANOTHER = Consumer("another", "another_group", "another_worker", "another_service")
MADE = template_text(
    NEWEST,
    consumer="another",
    publisher="wallet",
    worker="another_worker",
    service="another_service",
)
TABLES = ("inbox", "position", "event_failure", "dead_letter", "consumer", "partition")
# The structure of the tables: columns, constraints, indexes and rights.
SHAPE = """
SELECT c.relname || ' ' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod)
       || ' ' || a.attnotnull::text
       || ' ' || a.attidentity::text || ' ' || coalesce(pg_get_expr(d.adbin, d.adrelid), '')
  FROM pg_class c
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
  LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
 WHERE c.oid = ANY (%(tables)s::text[]::regclass[])
UNION ALL
SELECT pg_get_constraintdef(oid) FROM pg_constraint
 WHERE conrelid = ANY (%(tables)s::text[]::regclass[])
UNION ALL
SELECT pg_get_indexdef(indexrelid) FROM pg_index
 WHERE indrelid = ANY (%(tables)s::text[]::regclass[])
UNION ALL
SELECT table_name || ' ' || grantee || ' ' || privilege_type || ' ' || coalesce(column_name, '')
  FROM (SELECT table_name, grantee, privilege_type, NULL AS column_name
          FROM information_schema.role_table_grants WHERE table_schema = %(schema)s
        UNION ALL
        SELECT table_name, grantee, privilege_type, column_name
          FROM information_schema.column_privileges WHERE table_schema = %(schema)s) granted
 WHERE table_name = ANY (%(names)s::text[]) AND grantee <> 'postgres'
UNION ALL
SELECT prosrc || proacl::text || proconfig::text || prosecdef::text || provolatile::text
  FROM pg_proc WHERE pronamespace = %(schema)s::regnamespace AND proname = 'unapplied'
"""


def shape(connection: psycopg.Connection[Any], owner: str) -> list[str]:
    """The structure of a consumer's tables, with the consumer's name replaced by OWNER."""
    names = [f"{owner}_{table}" for table in TABLES]
    tables = [f"{owner}.{name}" for name in names]
    values = {"schema": owner, "names": names, "tables": tables}
    found = [row[0] for row in connection.execute(SHAPE.encode(), values)]
    return sorted(re.sub(r"\s+", " ", text.replace(owner, "OWNER")) for text in found)


def consumer_definitions(consumer: Consumer) -> str:
    """The definition files that all consumers share, filled in for one consumer."""
    files = [
        *definitions.files("platform", "functions"),
        *definitions.files("platform", "grants"),
    ]
    shared = [path.read_text() for path in files if path.parent.name == definitions.CONSUMER]
    return owners.fill("\n".join(shared), owners.names_of(consumer))


def test_the_template_makes_what_the_first_consumer_has(platform_db: TestDatabase) -> None:
    with psycopg.connect(platform_db.superuser_dsn) as connection:
        connection.execute(MADE.encode())
        connection.execute(consumer_definitions(ANOTHER).encode())
        # A migration revokes every right before it grants the rights of the files.
        connection.execute("REVOKE ALL ON ALL FUNCTIONS IN SCHEMA another FROM PUBLIC")
        first, second = shape(connection, "rolling"), shape(connection, "another")
        connection.rollback()
    # Only rolling has `rolling.answer_to`, which reads the inbox.
    expected = [text for text in first if not text.startswith("OWNER_inbox OWNER_owner ")]
    assert len(expected) > 100, "the tables are not found any more"
    assert second == expected


def test_a_new_consumer_begins_behind_what_was_committed_before(platform_db: TestDatabase) -> None:
    with psycopg.connect(platform_db.superuser_dsn) as connection:
        connection.execute(
            "INSERT INTO wallet.wallet_player (brand_id, player_id, currency, event_no)"
            " SELECT gen_random_uuid(), gen_random_uuid(), 'EUR', n FROM generate_series(0, 2) n"
        )
        connection.execute(MADE.encode())
        begun = connection.execute("SELECT event_no FROM another.another_position ORDER BY 1")
        assert begun.fetchall() == [(1,), (2,)]
        connection.rollback()


def test_a_part_of_a_statement_is_repeated_for_each_consumer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        owners, "WALLET_CONSUMERS", {"rolling": WALLET_CONSUMERS["rolling"], "another": ANOTHER}
    )
    text = "SELECT (\n  -- each consumer\n  SELECT FROM {consumer}.t\n  -- union all\n) AS all_of"
    repeated = "SELECT (\n  SELECT FROM rolling.t\nUNION ALL\n  SELECT FROM another.t\n) AS all_of"
    assert owners.repeat(text) == repeated
