"""The description of a fault for a release gate, and faults that are made of SQL statements."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg

from tests.acceptance.recorded import Plant, Stage

Connection = psycopg.Connection[dict[str, Any]]


@dataclass(frozen=True)
class Fault:
    """A fault, the gate that must notice it, and the status that this gate must then have.

    `words` must stand in the gate's answer. `also` names other gates that fail under the same
    fault.
    """

    name: str
    gate: str
    words: str
    plant: Plant
    status: str = "failed"
    also: tuple[str, ...] = ()

    @property
    def turns(self) -> set[str]:
        """Every gate that must not pass under the fault."""
        return {self.gate, *self.also}


def statements(*planted: str, undo: tuple[str, ...]) -> Plant:
    """Run `planted` as the superuser, and `undo` when the block ends.

    `{partition}` stands for the newest ledger partition, `{database}` for the current database.
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
