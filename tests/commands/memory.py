"""A `Read` whose every answer is data, for tests of planning and of checks without a database."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rubyops.errors import Unreachable
from rubyops.model.recorded import Evidence
from rubyops.ports import Copy, Database, EnvironmentFacts, HttpAnswer, Row

ENVIRONMENT = EnvironmentFacts(
    name="test", topology="RUBY_SPLIT_V1", copies=1, seed_players=100, commit="0123456789abcdef"
)


@dataclass
class MemoryRead:
    """Rows by query name, copies, health by (process, copy, path), stream groups and results.

    A query without rows is an error of the test: a command reads only the facts of its case.
    """

    facts: Mapping[str, Sequence[Row]] = field(default_factory=dict)
    kept: Sequence[Copy] = ()
    answers: Mapping[tuple[str, int, str], HttpAnswer] = field(default_factory=dict)
    stream_groups: Sequence[Row] = ()
    recorded: Mapping[str, Row] = field(default_factory=dict)
    environment: EnvironmentFacts = ENVIRONMENT
    mute: str | None = None  # why the driver does not answer
    asked: list[tuple[str, dict[str, object]]] = field(default_factory=list)

    def rows(
        self, query: str, /, *, database: Database = "platform", **values: object
    ) -> list[Row]:
        """Return the case's rows of a query."""
        self.asked.append((query, values))
        if query not in self.facts:
            raise AssertionError(f"the case gives no rows for query {query!r}")
        return [dict(row) for row in self.facts[query]]

    def one(self, query: str, /, *, database: Database = "platform", **values: object) -> Row:
        """Return the only row of a query."""
        (row,) = self.rows(query, database=database, **values)
        return row

    def get(
        self, process: str, path: str, *, copy: int = 1, brand_id: str | None = None
    ) -> HttpAnswer:
        """Return the answer of a copy; one that was given none does not answer."""
        return self.answers.get((process, copy, path), HttpAnswer(0, None, "connection refused"))

    def copies(self) -> Sequence[Copy]:
        """Return the copies that the driver keeps. Raises `Unreachable` where it is mute."""
        if self.mute is not None:
            raise Unreachable(self.mute)
        return self.kept

    def groups(self) -> list[Row]:
        """Return the consumer groups."""
        return [dict(group) for group in self.stream_groups]

    def results(self, suite: str) -> Evidence:
        """Return a recorded result."""
        return Evidence(self.recorded.get(suite))
