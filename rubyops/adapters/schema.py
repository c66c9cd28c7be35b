"""Migrates the databases of an environment and sets the passwords of roles, for any driver.

Importing this module takes a second (sqlalchemy, alembic), so drivers import it only to migrate.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from rubyops.adapters import migrations
from rubyops.model.secret import Secret
from rubyops.ports import Database


@dataclass(frozen=True)
class SchemaUpkeep:
    """Changes schemas as the superuser, with or without a fencing token.

    `dsn` returns the superuser's URL of a database. `confirm` raises `LockLost` when another run
    has raised the driver's fence since this change began. A run that takes over raises that fence
    first.
    """

    dsn: Callable[[str], Secret]
    databases: Mapping[Database, str]
    confirm: Callable[[], None]

    def bring_to_newest(self, progress: Callable[[str], None], token: int | None) -> None:
        """Migrate every database to the newest schema. Raises `LockLost` after a takeover."""
        for which, name in self.databases.items():
            migrations.ensure_database(self.dsn(migrations.MAINTENANCE_DATABASE), name)
            progress(self._migrate(which, self.dsn(name), token))

    def _migrate(self, which: Database, dsn: Secret, token: int | None) -> str:
        """Migrate one database; return its old and new revisions in words."""
        before = migrations.current(dsn, which)
        applied = migrations.upgrade(dsn, which, token=self._token_for(dsn, which, token))
        return _say(which, before, migrations.current(dsn, which), applied)

    def provision_passwords(self, passwords: Mapping[str, str]) -> None:
        """Set the password of every role."""
        migrations.provision_passwords(self.dsn(migrations.MAINTENANCE_DATABASE), passwords)

    def _token_for(self, dsn: Secret, which: Database, token: int | None) -> int | None:
        """Return the token that a migration holds, None where the database has no fence yet.

        Without a token of the caller this is the database's own, if the driver's fence is
        unchanged.
        """
        present = migrations.present_token(dsn, which)
        if token is None:
            self.confirm()
        return present if present is None or token is None else token


def _say(
    which: Database, before: tuple[str, ...], after: tuple[str, ...], applied: tuple[str, ...]
) -> str:
    was = "" if before == after else f" (was {', '.join(before) or 'empty'})"
    new = f", with new {', '.join(applied)}" if applied else ""
    return f"schema of {which} at {', '.join(after)}{was}{new}"
