"""A table of the wallet that a superuser edits and restores."""

from collections.abc import Callable

import psycopg

from tests.wallet_runtime.wallet.record_edits import Edit

GENERATED = """
SELECT string_agg(quote_ident(attname), ', ') FROM pg_attribute
 WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
"""
GUARDS = """
SELECT tgname FROM pg_trigger
 WHERE tgrelid = %s::regclass
   AND tgname IN ('immutable_rows', 'immutable_table', 'protect_document')
"""


class Edited:
    """A table with a superuser's edit, which `undo` takes back exactly."""

    def __init__(self, look: psycopg.Connection, edit: Edit) -> None:
        """Copy the rows, and run the edit.

        The guards against changes are off during the edit. The trigger that seals records stays on.
        """
        self.look, self.table = look, f"wallet.{edit.table}"
        (self.columns,) = look.execute(GENERATED.encode(), [self.table]).fetchall()[0]
        self.guards = [name for (name,) in look.execute(GUARDS.encode(), [self.table]).fetchall()]
        look.execute(f"CREATE TEMP TABLE kept AS SELECT {self.columns} FROM {self.table}".encode())
        for guard in self.guards:
            look.execute(f"ALTER TABLE {self.table} DISABLE TRIGGER {guard}".encode())
        self.changed = look.execute(edit.statement.encode()).rowcount

    def undo(self) -> None:
        """Restore all rows without firing a trigger, and switch the guards on again."""
        self.look.execute("SET session_replication_role = replica")
        self.look.execute(f"DELETE FROM {self.table}".encode())
        self.look.execute(
            (
                f"INSERT INTO {self.table} ({self.columns}) OVERRIDING SYSTEM VALUE"
                f" SELECT {self.columns} FROM kept"
            ).encode()
        )
        self.look.execute("DROP TABLE kept")
        self.look.execute("RESET session_replication_role")
        for guard in self.guards:
            always = "ALWAYS " if guard.startswith("immutable") else ""
            self.look.execute(f"ALTER TABLE {self.table} ENABLE {always}TRIGGER {guard}".encode())


def undone(look: psycopg.Connection, table: str, statement: str, act: Callable[[], str]) -> str:
    change = Edited(look, Edit(table, "", statement, "", ""))
    try:
        return act()
    finally:
        change.undo()
