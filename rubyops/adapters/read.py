"""The read port for checks and plans, with database roles and clients that cannot write."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from rubyops.adapters.bounded import Hook, Patience
from rubyops.adapters.database import Link
from rubyops.adapters.driver import Driver
from rubyops.adapters.http import GetClient
from rubyops.adapters.streams import StreamReader
from rubyops.errors import WriteAttempted
from rubyops.model.recorded import Evidence
from rubyops.ports import Copy, Database, EnvironmentFacts, HttpAnswer, Row

ROLE = "rubyops_read"


class Reader:
    """Implements the `Read` port."""

    def __init__(
        self,
        facts: EnvironmentFacts,
        driver: Driver,
        results: Callable[[str], Evidence],
        patience: Mapping[Database, Patience],
    ) -> None:
        """Read this environment. Each connection is opened on first use."""
        self._facts = facts
        self._driver = driver
        self._results = results
        self._client = GetClient(driver)
        self._streams = StreamReader(lambda: driver.redis_url(ROLE))
        self._links: dict[Database, Link] = {
            "platform": self._link("platform", f"the database of {facts.name}", patience),
            "control": self._link("control", f"the control database of {facts.name}", patience),
        }

    def _link(self, name: Database, where: str, patience: Mapping[Database, Patience]) -> Link:
        dsn = partial(self._driver.dsn, ROLE, name)
        return Link(dsn, where, read_only=True, patience=patience[name])

    def listen(self, while_waiting: Hook) -> None:
        """Call `while_waiting` during every wait of a read; it may raise to end the read."""
        for link in self._links.values():
            link.while_waiting = while_waiting
        self._client.while_waiting = while_waiting
        self._streams.while_waiting = while_waiting

    @property
    def environment(self) -> EnvironmentFacts:
        """The environment's own facts."""
        return self._facts

    def rows(
        self, query: str, /, *, database: Database = "platform", **values: object
    ) -> list[Row]:
        """Run a named query in a READ ONLY transaction as the SELECT-only role."""
        return self._links[database].rows(query, **values)

    def one(self, query: str, /, *, database: Database = "platform", **values: object) -> Row:
        """Run a named query that always returns exactly one row."""
        return self._links[database].one(query, **values)

    def get(
        self, process: str, path: str, *, copy: int = 1, brand_id: str | None = None
    ) -> HttpAnswer:
        """GET a route of a copy of a process as the operator."""
        return self._client.get(process, path, copy=copy, brand_id=brand_id)

    def copies(self) -> Sequence[Copy]:
        """List every copy that the driver manages."""
        return self._driver.copies()

    def groups(self) -> list[Row]:
        """List stream consumer groups."""
        return self._streams.groups()

    def results(self, suite: str) -> Evidence:
        """Return the newest trusted result of a suite, and why other results are not trusted."""
        return self._results(suite)

    def proof(self) -> dict[str, object]:
        """Return the evidence that this reader has written nothing.

        PostgreSQL gives a transaction an id when it first writes. Raises `WriteAttempted` when a
        transaction of the reader got an id.
        """
        transactions = sum(link.transactions for link in self._links.values())
        writes = sum(link.writes for link in self._links.values())
        if writes:
            raise WriteAttempted(
                f"{writes} of {transactions} transactions of the reader were given a transaction "
                "id: something was written"
            )
        return {
            "database_role": ROLE,
            "read_only_transactions": transactions,
            "transaction_ids_assigned": writes,
            "redis_user": ROLE,
            "http": "GET only",
        }
