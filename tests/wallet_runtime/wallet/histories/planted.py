"""Planted bugs: in the rules and their store, or in a function of the database."""

from collections.abc import Callable
from typing import Any, NamedTuple

import psycopg
import pytest

Patch = pytest.MonkeyPatch


class InRules(NamedTuple):
    """A planted bug in the rules or in the store around them.

    Batch number `first` is known to find the bug, and is played first.
    """

    name: str
    plant: Callable[[Patch], None]
    first: int = 0


class InSql(NamedTuple):
    """A planted bug in a database function: its text `right` becomes `wrong`.

    `first` has the meaning of `InRules.first`.
    """

    name: str
    function: str
    right: str
    wrong: str
    first: int = 0

    def plant(self, superuser: psycopg.Connection[Any]) -> None:
        """Replace the function in the database of this connection only."""
        row = superuser.execute(
            "SELECT pg_get_functiondef(%s::regproc)", [f"wallet.{self.function}"]
        ).fetchone()
        assert row is not None and self.right in row[0], (
            f"{self.function} does not hold {self.right!r} any more: mend the plant"
        )
        superuser.execute(row[0].replace(self.right, self.wrong).encode())
