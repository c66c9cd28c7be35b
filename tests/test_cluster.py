"""The databases, roles and Redis users of the fixtures in `tests/conftest.py`."""

import psycopg
import pytest
import redis

from tests.cluster import Cluster, TestDatabase
from tests.sources import MADE_BY_MIGRATIONS


def test_a_test_has_its_own_control_database(control_db: TestDatabase) -> None:
    with psycopg.connect(control_db.dsn("rubyops_read")) as connection:
        assert connection.execute("SELECT level FROM control.freeze_state").fetchone() == ("open",)


def test_every_role_that_the_migrations_use_is_known_and_can_be_dropped(
    platform_db: TestDatabase, control_db: TestDatabase
) -> None:
    for database in (platform_db, control_db):
        with psycopg.connect(database.superuser_dsn) as connection:
            used = connection.execute(
                "SELECT DISTINCT refobjid::regrole::text FROM pg_shdepend "
                "WHERE refclassid = 'pg_authid'::regclass "
                "AND dbid = (SELECT oid FROM pg_database WHERE datname = current_database())"
            ).fetchall()
            superuser = connection.info.user
        assert used
        assert {role for (role,) in used} <= {*MADE_BY_MIGRATIONS, superuser}


def test_the_read_user_of_redis_reads_and_nothing_else(
    cluster: Cluster, redis_url: str, logical_database: int
) -> None:
    with (
        redis.Redis.from_url(redis_url) as writer,
        redis.Redis.from_url(cluster.redis_url(logical_database, "rubyops_read")) as reader,
    ):
        writer.xadd("events", {"n": "1"})
        writer.xgroup_create("events", "group", "0")
        assert reader.xlen("events") == 1
        assert reader.xinfo_groups("events")[0]["lag"] == 1
        assert reader.info("server")["redis_version"]
        changes: list[tuple[str | int, ...]] = [
            ("SET", "key", "1"),
            ("XADD", "events", "*", "n", "2"),
            ("XREADGROUP", "GROUP", "group", "me", "STREAMS", "events", ">"),
            ("EVAL", "return redis.call('SET','a','b')", 0),
            ("PUBLISH", "channel", "x"),
            ("FLUSHALL",),
            ("CONFIG", "GET", "*"),
        ]
        for change in changes:
            with pytest.raises(redis.exceptions.NoPermissionError):
                reader.execute_command(*change)
