"""Migrations run up, down and up again (PRE-4), one at a time, and log no password."""

from concurrent.futures import ThreadPoolExecutor
from typing import get_args

import psycopg
import pytest

from rubyops.adapters import migrations
from rubyops.adapters.local.servers import SUPERUSER
from rubyops.errors import Refused
from rubyops.ports import Database
from tests.cluster import PASSWORD, Cluster, TestDatabase
from tests.sql.described import described

SCHEMAS = """
    SELECT coalesce(array_agg(nspname::text ORDER BY nspname), '{}')
      FROM pg_namespace WHERE nspname !~ '^(pg_|information_schema|public)'
"""


def value(dsn: str, text: str) -> object:
    with psycopg.connect(dsn) as connection:
        row = connection.execute(text.encode()).fetchone()
    assert row is not None
    return row[0]


@pytest.fixture
def empty_dsn(platform_template: Cluster) -> str:
    """The URL of a new empty database."""
    name = platform_template.database_name("empty")
    assert migrations.ensure_database(platform_template.superuser_dsn, name)
    assert not migrations.ensure_database(platform_template.superuser_dsn, name)
    return platform_template.postgres.dsn(SUPERUSER, PASSWORD, name)


@pytest.mark.parametrize("which", get_args(Database))
def test_up_down_and_up_again(empty_dsn: str, which: Database) -> None:
    assert migrations.current(empty_dsn, which) == ()
    migrations.upgrade(empty_dsn, which)
    assert migrations.current(empty_dsn, which) == migrations.heads(which)
    made = described(empty_dsn)
    assert value(empty_dsn, SCHEMAS)
    migrations.downgrade(empty_dsn, which, "staging")
    assert migrations.current(empty_dsn, which) == ()
    assert value(empty_dsn, SCHEMAS) == []
    migrations.upgrade(empty_dsn, which)
    assert described(empty_dsn) == made


@pytest.mark.parametrize("which", get_args(Database))
def test_no_way_down_is_taken_in_production(empty_dsn: str, which: Database) -> None:
    migrations.upgrade(empty_dsn, which)
    before = described(empty_dsn)
    with pytest.raises(Refused, match=f"The schema of {which} is not taken back in production"):
        migrations.downgrade(empty_dsn, which, "production")
    assert described(empty_dsn) == before


def test_two_at_once_do_not_interleave(empty_dsn: str) -> None:
    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(migrations.upgrade, empty_dsn, "control") for _ in range(2)]:
            done.result()
    assert migrations.current(empty_dsn, "control") == migrations.heads("control")


def test_the_read_role_sees_the_revision(platform_db: TestDatabase) -> None:
    assert migrations.current(platform_db.dsn("rubyops_read"), "platform") == migrations.heads(
        "platform"
    )


def test_passwords_reach_the_server_only_as_verifiers(platform_db: TestDatabase) -> None:
    migrations.provision_passwords(platform_db.superuser_dsn, {"gateway": PASSWORD})
    stored = value(
        platform_db.superuser_dsn, "SELECT rolpassword FROM pg_authid WHERE rolname = 'gateway'"
    )
    assert str(stored).startswith("SCRAM-SHA-256$")
    assert value(platform_db.dsn("gateway"), "SELECT current_user") == "gateway"
