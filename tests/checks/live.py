"""A `Read` over a test's own databases, as checks get it: SELECT-only and read-only."""

from dataclasses import dataclass, field

import psycopg
from psycopg.rows import dict_row

import sql
from rubyops.ports import Database, Row
from rubyops.testing.reading import MemoryRead
from tests.cluster import TestDatabase


@dataclass
class LiveRead(MemoryRead):
    """Asks real databases; copies, health answers and groups stay data."""

    databases: dict[Database, TestDatabase] = field(default_factory=dict)

    def rows(
        self, query: str, /, *, database: Database = "platform", **values: object
    ) -> list[Row]:
        """Run the named query as `rubyops_read`."""
        with psycopg.connect(
            self.databases[database].dsn("rubyops_read"), row_factory=dict_row
        ) as connection:
            connection.read_only = True
            return connection.execute(sql.query(query), values).fetchall()
