"""A fault that is planted for a release gate, and how a superuser's statements plant one."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg

from tests.acceptance.recorded import Plant, Stage

Connection = psycopg.Connection[dict[str, Any]]


@dataclass(frozen=True)
class Fault:
    """A planted fault, the one gate that must change by it, and to what.

    `words` show that the gate changed for this fault. `also` names gates that the plant itself
    turns red.
    """

    name: str
    gate: str
    words: str
    plant: Plant
    status: str = "failed"
    also: tuple[str, ...] = ()

    @property
    def turns(self) -> set[str]:
        """Every gate that is not green under the fault."""
        return {self.gate, *self.also}


def statements(*planted: str, undo: tuple[str, ...]) -> Plant:
    """Run statements as the superuser, and others when the block ends.

    `{partition}` is the ledger's present one, `{database}` ours.
    """

    @contextmanager
    def plant(stage: Stage) -> Iterator[None]:
        part = str(
            stage.live.one(
                "SELECT max(tableoid::regclass::text) AS name FROM wallet.wallet_ledger"
            )["name"]
        )
        name = str(stage.live.one("SELECT quote_ident(current_database()) AS name")["name"])
        with closing(stage.live.superuser()) as connection:
            try:
                _run(connection, planted, part, name)
                yield
            finally:
                _run(connection, undo, part, name)

    return plant


def _run(connection: Connection, texts: tuple[str, ...], part: str, database: str) -> None:
    for text in texts:
        connection.execute(text.format(partition=part, database=database).encode())
