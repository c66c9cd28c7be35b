"""A reader that answers from a table, and findings and proofs that never fail."""

from collections.abc import Callable, Mapping, Sequence

from rubyops.errors import Unreachable
from rubyops.model.finding import Finding, passed
from rubyops.model.freeze import FreezeTruth
from rubyops.model.recorded import Evidence
from rubyops.ports import Control, Copy, Database, EnvironmentFacts, HttpAnswer, Row
from wallet_runtime.contract.freeze import CopySeen, Fence, Wanted, judge

FACTS = EnvironmentFacts("test", "RUBY_SPLIT_V1", 1, 0, "c0ffee")


class StillRead:
    """A reader that answers from a table of query names.

    A name that is not in it is `Unreachable`, as on a platform that is down.
    """

    def __init__(self, rows: Mapping[str, list[Row]] | None = None) -> None:
        """Answer from this table."""
        self.table = dict(rows or {})
        self.running: list[Copy] = []

    @property
    def environment(self) -> EnvironmentFacts:
        """The facts of an environment named test."""
        return FACTS

    def rows(
        self, query: str, /, *, database: Database = "platform", **values: object
    ) -> list[Row]:
        """Return the table's rows."""
        if query not in self.table:
            raise Unreachable(f"the test's {database} database does not answer {query}")
        return self.table[query]

    def one(self, query: str, /, *, database: Database = "platform", **values: object) -> Row:
        """Return the table's only row."""
        (row,) = self.rows(query, database=database, **values)
        return row

    def get(
        self, process: str, path: str, *, copy: int = 1, brand_id: str | None = None
    ) -> HttpAnswer:
        """Answer that nobody is there."""
        return HttpAnswer(0, None, "a double")

    def copies(self) -> Sequence[Copy]:
        """Return the running copies."""
        return self.running

    def groups(self) -> list[Row]:
        """Return no group."""
        return []

    def results(self, suite: str) -> Evidence:
        """Return no result."""
        return Evidence()


def in_force(control: Control) -> Callable[[], FreezeTruth]:
    """Tell that whatever `control` wants is in force, with one copy that has confirmed it."""

    def look() -> FreezeTruth:
        state = control.freeze()
        fence = Fence(state.level, state.epoch, state.epoch)
        copy = CopySeen("gateway copy 1", 0, state.epoch, runs=True)
        return FreezeTruth(judge(Wanted(state.level, state.epoch), fence, [copy]))

    return look


def nobody(found: FreezeTruth) -> list[str]:
    """Name nobody."""
    return []


def always_ok(name: str) -> Finding:
    """Find every check in order."""
    return passed(f"{name} holds")


def nothing_written() -> dict[str, object]:
    """Give the proof of a reader that touched no database."""
    return {"read_only_transactions": 0, "transaction_ids_assigned": 0}
