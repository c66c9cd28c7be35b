"""How a bug is planted: in the rules and the store, or in a function of the database."""

from collections.abc import Callable
from typing import Any, NamedTuple

import psycopg
import pytest

Patch = pytest.MonkeyPatch


class InRules(NamedTuple):
    """A fault in the rules, or in the store around them.

    The batch `first` is known to find it, and is played before the others.
    """

    name: str
    plant: Callable[[Patch], None]
    first: int = 0


class InSql(NamedTuple):
    """A fault in a function of the database: what stands there, and what stands there instead.

    `first` is as in `InRules`.
    """

    name: str
    function: str
    right: str
    wrong: str
    first: int = 0

    def plant(self, superuser: psycopg.Connection[Any]) -> None:
        """Replace the function in this database alone."""
        row = superuser.execute(
            "SELECT pg_get_functiondef(%s::regproc)", [f"wallet.{self.function}"]
        ).fetchone()
        assert row is not None and self.right in row[0], (
            f"{self.function} does not hold {self.right!r} any more: mend the plant"
        )
        superuser.execute(row[0].replace(self.right, self.wrong).encode())
