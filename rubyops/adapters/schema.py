"""The databases of an environment, whichever driver runs them: their schemas and passwords.

Importing this module takes a second (sqlalchemy, alembic), so drivers do it when they migrate.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from rubyops.adapters import migrations
from rubyops.model.secret import Secret
from rubyops.ports import Database


@dataclass(frozen=True)
class SchemaUpkeep:
    """Changes schemas as the superuser, under a fencing token or under none.

    `dsn` gives the superuser's URL of a database by its name. `confirm` raises `LockLost` when the
    driver's fence was raised since this act began: a takeover raises that fence first.
    """

    dsn: Callable[[str], Secret]
    databases: Mapping[Database, str]
    confirm: Callable[[], None]

    def bring_to_newest(self, progress: Callable[[str], None], token: int | None) -> None:
        """Bring every database to the newest schema. Raises `LockLost`."""
        for which, name in self.databases.items():
            migrations.ensure_database(self.dsn(migrations.MAINTENANCE_DATABASE), name)
            dsn = self.dsn(name)
            before = migrations.current(dsn, which)
            applied = migrations.upgrade(dsn, which, token=self._token_for(dsn, which, token))
            progress(_say(which, before, migrations.current(dsn, which), applied))

    def provision_passwords(self, passwords: Mapping[str, str]) -> None:
        """Give every role its password."""
        migrations.provision_passwords(self.dsn(migrations.MAINTENANCE_DATABASE), passwords)

    def _token_for(self, dsn: Secret, which: Database, token: int | None) -> int | None:
        """Return the token that holds each revision, None where the database has no fence yet.

        An act without a token uses the database's own, if the driver's fence is unchanged.
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
