"""A `Read` port on a test's databases, with a SELECT-only role and read-only transactions."""

from dataclasses import dataclass, field

import psycopg
from psycopg.rows import dict_row

import sql
from rubyops.ports import Database, Row
from rubyops.testing.reading import MemoryRead
from tests.cluster import TestDatabase


@dataclass
class LiveRead(MemoryRead):
    """Queries real databases; copies, health answers and consumer groups come from data."""

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
