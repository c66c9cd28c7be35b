"""Test doubles: readers that answer from given data, and checks that always pass."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from rubyops.errors import Unreachable
from rubyops.model.finding import Finding, passed
from rubyops.model.freeze import FreezeTruth
from rubyops.model.recorded import Evidence
from rubyops.ports import Control, Copy, Database, EnvironmentFacts, HttpAnswer, Row
from wallet_runtime.contract.freeze import CopySeen, Fence, Wanted, judge

FACTS = EnvironmentFacts("test", "RUBY_SPLIT_V1", 1, 100, "0123456789abcdef")


@dataclass
class MemoryRead:
    """A reader that answers from the given rows, copies, HTTP answers, groups and results.

    `answers` has the key (process, copy, path). A query without given rows fails the test, because
    each case must state all facts that its command reads. `asked` records the queries.
    """

    facts: Mapping[str, Sequence[Row]] = field(default_factory=dict)
    kept: Sequence[Copy] = ()
    answers: Mapping[tuple[str, int, str], HttpAnswer] = field(default_factory=dict)
    stream_groups: Sequence[Row] = ()
    recorded: Mapping[str, Row] = field(default_factory=dict)
    environment: EnvironmentFacts = FACTS
    mute: str | None = None  # why the driver does not answer
    asked: list[tuple[str, dict[str, object]]] = field(default_factory=list)

    def rows(
        self, query: str, /, *, database: Database = "platform", **values: object
    ) -> list[Row]:
        """Return the given rows of a query."""
        self.asked.append((query, values))
        if query not in self.facts:
            raise self._unknown(query, database)
        return [dict(row) for row in self.facts[query]]

    def one(self, query: str, /, *, database: Database = "platform", **values: object) -> Row:
        """Return the only row of a query."""
        (row,) = self.rows(query, database=database, **values)
        return row

    def get(
        self, process: str, path: str, *, copy: int = 1, brand_id: str | None = None
    ) -> HttpAnswer:
        """Return the given answer of a copy; without one the copy is unreachable."""
        return self.answers.get((process, copy, path), HttpAnswer(0, None, "connection refused"))

    def copies(self) -> Sequence[Copy]:
        """Return the given copies. Raises `Unreachable` if `mute` is set."""
        if self.mute is not None:
            raise Unreachable(self.mute)
        return self.kept

    def groups(self) -> list[Row]:
        """Return the given consumer groups."""
        return [dict(group) for group in self.stream_groups]

    def results(self, suite: str) -> Evidence:
        """Return the given result of a suite, without doubts."""
        return Evidence(self.recorded.get(suite))

    def _unknown(self, query: str, database: Database) -> Exception:
        del database
        return AssertionError(f"the case gives no rows for query {query!r}")


class StillRead(MemoryRead):
    """A reader of a platform that is down: a query without given rows raises `Unreachable`."""

    def _unknown(self, query: str, database: Database) -> Exception:
        return Unreachable(f"the test's {database} database does not answer {query}")


def in_force(control: Control) -> Callable[[], FreezeTruth]:
    """Return a function which reports that the wanted freeze is in force on one copy."""

    def look() -> FreezeTruth:
        state = control.freeze()
        fence = Fence(state.level, state.epoch, state.epoch)
        copy = CopySeen("gateway copy 1", 0, state.epoch, runs=True)
        return FreezeTruth(judge(Wanted(state.level, state.epoch), fence, [copy]))

    return look


def nobody(found: FreezeTruth) -> list[str]:
    """Return no layers."""
    return []


def always_ok(name: str) -> Finding:
    """Return a passed finding for every check."""
    return passed(f"{name} holds")


def nothing_written() -> dict[str, object]:
    """Return the proof of a reader that used no database."""
    return {"read_only_transactions": 0, "transaction_ids_assigned": 0}
