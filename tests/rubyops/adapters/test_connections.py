"""A session of the toolkit uses the toolkit's settings, whatever defaults its role has."""

import psycopg

from rubyops.adapters.bounded import Watch
from rubyops.adapters.connections import SEARCH_PATH, connect
from tests.cluster import TestDatabase

READER = "rubyops_read"


def test_the_search_path_of_a_role_puts_nothing_before_the_built_in_functions(
    platform_db: TestDatabase,
) -> None:
    with psycopg.connect(platform_db.superuser_dsn, autocommit=True) as person:
        person.execute(
            "CREATE FUNCTION public.version() RETURNS text LANGUAGE sql AS $$SELECT 'planted'$$"
        )
        person.execute(
            f"ALTER ROLE {READER} IN DATABASE {platform_db.name} "
            "SET search_path = public, pg_catalog".encode()
        )
    with psycopg.connect(platform_db.dsn(READER)) as plain:
        assert plain.execute("SELECT version()").fetchone() == ("planted",)
    with connect(platform_db.dsn(READER), Watch(10, lambda _: TimeoutError())) as ours:
        assert ours.execute("SHOW search_path").fetchone() == (SEARCH_PATH,)
        assert ours.execute("SELECT version() <> 'planted'").fetchone() == (True,)
