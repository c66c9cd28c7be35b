"""Migrates a database to the schema of this checkout, and sets the passwords of its roles.

A schema is tables, changed by numbered revisions, and definitions (ADR 26). A migration holds an
advisory lock, so that two migrations never run on one server at once. Roles belong to the whole
server. Revisions of `platform` create the roles, so `platform` is migrated before `control`.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from psycopg import sql as composed
from psycopg.conninfo import make_conninfo
from sqlalchemy import Connection, NullPool, create_engine

import sql
from rubyops.adapters import definitions
from rubyops.adapters.bounded import Hook
from rubyops.adapters.connections import LONG_SECONDS, BoundConnection, first_line, open_session
from rubyops.errors import Refused, RubyopsError, TimedOut, Unreachable, overtaken
from rubyops.model.environment import EnvironmentKind
from rubyops.ports import Database
from wallet_runtime.contract import sqlstates

FOLDER = Path(sql.__file__).parent / "migrations"
VERSION_SCHEMA = "public"
LOCK_KEY = 0x5275_6279_4D69  # "RubyMi"
LOCK_TIMEOUT = "60s"
SERVER = "PostgreSQL"
LOCK_SECONDS = 65.0  # longer than LOCK_TIMEOUT, which the server enforces
SCHEMA_SECONDS = 600.0  # for one statement, which may rewrite the largest table
ALIVE_SECONDS = 10.0  # between two tests whether the server still accepts connections
MAINTENANCE_DATABASE = "postgres"
# Per database: a query whether the fence exists, and a query for its token. The fence of `control`
# is the row of the lock.
FENCES: dict[Database, tuple[str, str]] = {
    "platform": ("ops_has_money", "fence_present"),
    "control": ("control_ready", "control_lock_token"),
}
HOLDS: dict[Database, str] = {"platform": "fence_hold", "control": "control_lock_hold"}


def upgrade(dsn: str, which: Database, *, token: int | None = None) -> tuple[str, ...]:
    """Apply the missing revisions and the changed definitions in one transaction.

    `dsn` is the superuser's. Returns the kinds of definitions that were applied, none for a
    database that is up to date. With a fencing token the transaction holds the fence until the
    commit. Raises `LockLost` for an overtaken token, and changes nothing.
    """
    with _locked(dsn, which) as (config, connection):
        try:
            return _bring(config, connection, which, token)
        except definitions.IN_THE_WAY:
            return _bring(config, connection, which, token, afresh=True)


def present_token(dsn: str, which: Database) -> int | None:
    """Return the fencing token of a database, None without a fence or before the first token."""
    ready, token = FENCES[which]
    with _autocommitting(dsn) as connection:
        found = _first_value(connection, token) if _first_value(connection, ready) else None
    return int(found) if found else None


def _first_value(connection: BoundConnection, name: str) -> Any:
    """Return the first column of the first row of a named query, None without a row."""
    row = connection.execute(sql.query(name)).fetchone()
    return row[0] if row else None


def downgrade(dsn: str, which: Database, kind: EnvironmentKind, revision: str = "base") -> None:
    """Revert revisions down to `revision` in one transaction. `dsn` is the superuser's.

    Definitions that block the revert are dropped; the next upgrade applies all definitions again.
    Raises `Refused` in production, because a revert drops tables with players' money.
    """
    if kind == "production":
        raise Refused(
            f"The schema of {which} is not taken back in production: that would drop tables. "
            "Write a new migration that changes them."
        )
    with _locked(dsn, which) as (config, connection):
        try:
            _take_back(config, connection, which, revision)
        except definitions.IN_THE_WAY:
            _take_back(config, connection, which, revision, afresh=True)


def heads(which: Database) -> tuple[str, ...]:
    """Return the newest revisions in this checkout."""
    return tuple(ScriptDirectory.from_config(_config(which)).get_heads())


def current(dsn: str, which: Database) -> tuple[str, ...]:
    """Return the revisions of a database, empty before its first migration.

    `dsn` may belong to any role that can read the version table.
    """
    with _connection(dsn) as connection:
        return _revisions(connection)


def ensure_database(dsn: str, name: str) -> bool:
    """Create the database `name` unless it exists; return whether it was created.

    `dsn` is the superuser's, for any database of the server.
    """
    with _autocommitting(dsn) as connection:
        if connection.execute(sql.query("database_exists"), {"name": name}).fetchone():
            return False
        connection.execute(_statement("create_database", name=composed.Identifier(name)))
        connection.execute(_statement("set_database_time_zone", name=composed.Identifier(name)))
        return True


def provision_passwords(dsn: str, passwords: Mapping[str, str]) -> None:
    """Set the passwords of all these roles in one transaction.

    Only SCRAM verifiers are sent to the server, so that no log can show a password.
    """
    with _alone(dsn), open_session(dsn, SERVER) as connection:
        for role, password in passwords.items():
            _set_password(connection, role, password)


def _set_password(connection: BoundConnection, role: str, password: str) -> None:
    verifier = connection.pgconn.encrypt_password(
        password.encode(), role.encode(), b"scram-sha-256"
    ).decode()
    named = {"role": composed.Identifier(role), "verifier": composed.Literal(verifier)}
    connection.execute(_statement("set_role_password", **named))


def _bring(
    config: Config,
    connection: Connection,
    which: Database,
    token: int | None,
    *,
    afresh: bool = False,
) -> tuple[str, ...]:
    """Run the upgrade; `afresh` drops all definitions first, in case one cannot be replaced."""
    with connection.begin():
        driver = _driver(connection)
        if afresh:
            definitions.drop(driver, which)
        before = _revisions(connection)
        command.upgrade(config, "heads")
        moved = afresh or before != _revisions(connection)

        applied = definitions.apply(driver, which, whole=moved)
        if applied:
            driver.execute(sql.query("grant_schema_version"))
            if token is not None:
                _hold(driver, which, token)
        return applied


def _take_back(
    config: Config,
    connection: Connection,
    which: Database,
    revision: str,
    *,
    afresh: bool = False,
) -> None:
    with connection.begin():
        if afresh:
            definitions.drop(_driver(connection), which)
        definitions.forget(_driver(connection))
        command.downgrade(config, revision)


def _hold(driver: psycopg.Connection[Any], which: Database, token: int) -> None:
    """Hold the fence until the transaction ends. Raises `LockLost` for an overtaken token."""
    if not _is_held(driver, which, token):
        raise overtaken(
            f"fencing token {token} was overtaken, so the schema of {which} stays as it is"
        )


def _is_held(driver: psycopg.Connection[Any], which: Database, token: int) -> bool:
    try:
        held = driver.execute(sql.query(HOLDS[which]), {"token": token}).fetchone()
    except psycopg.Error as error:
        if error.sqlstate != sqlstates.FENCE_OVERTAKEN:
            raise
        return False
    return held is not None


def _revisions(connection: Connection) -> tuple[str, ...]:
    context = MigrationContext.configure(connection, opts={"version_table_schema": VERSION_SCHEMA})
    return tuple(context.get_current_heads())


def _driver(connection: Connection) -> psycopg.Connection[Any]:
    driver: psycopg.Connection[Any] | None = connection.connection.driver_connection
    if driver is None:
        raise RubyopsError("the migration has no driver connection")
    return driver


def _statement(name: str, /, **parts: composed.Composable) -> composed.Composed:
    return composed.SQL(sql.query(name)).format(**parts)


def _config(which: Database) -> Config:
    config = Config()
    config.set_main_option("script_location", _escaped(FOLDER))
    config.set_main_option("version_locations", _escaped(FOLDER / which))
    config.set_main_option("path_separator", "newline")
    return config


def _escaped(path: Path) -> str:
    return str(path).replace("%", "%%")


def _autocommitting(dsn: str, seconds: float = LONG_SECONDS) -> BoundConnection:
    connection = open_session(dsn, SERVER, seconds=seconds)
    connection.autocommit = True
    return connection


def _patient(dsn: str) -> BoundConnection:
    """Connect for slow schema changes. A wait ends early if the server takes no connection."""
    return open_session(dsn, SERVER, seconds=SCHEMA_SECONDS, hook=_alive(dsn))


def _alive(dsn: str) -> Hook:
    asked = [time.monotonic()]

    def look() -> None:
        if time.monotonic() - asked[0] >= ALIVE_SECONDS:
            _refuse_silent(dsn)
            asked[0] = time.monotonic()

    return look


def _refuse_silent(dsn: str) -> None:
    """Raise `Unreachable` when the server takes no connection."""
    try:
        open_session(dsn, SERVER).close()
    except psycopg.Error as error:
        lost = f"{SERVER} takes no connections any more; the migration was given up"
        raise Unreachable(f"{lost}: {first_line(error)}", next_command="rubyops doctor") from error


@contextmanager
def _connection(dsn: str) -> Iterator[Connection]:
    engine = create_engine(
        "postgresql+psycopg://", creator=lambda: _patient(dsn), poolclass=NullPool
    )
    with engine.connect() as connection:
        yield connection


@contextmanager
def _locked(dsn: str, which: Database) -> Iterator[tuple[Config, Connection]]:
    with _alone(dsn), _connection(dsn) as connection:
        connection.exec_driver_sql(sql.query("bound_waiting"), {"lock_timeout": LOCK_TIMEOUT})
        connection.commit()
        config = _config(which)
        config.attributes["connection"] = connection
        config.attributes["version_schema"] = VERSION_SCHEMA
        yield config, connection


@contextmanager
def _alone(dsn: str) -> Iterator[None]:
    """Hold the lock for changes of schemas and roles on this server.

    Two concurrent changes of one role fail, and all databases of a server share its roles.
    """
    with _autocommitting(
        make_conninfo(dsn, dbname=MAINTENANCE_DATABASE), seconds=LOCK_SECONDS
    ) as connection:
        _take_lock(connection)
        yield


def _take_lock(connection: BoundConnection) -> None:
    lock = {"key": LOCK_KEY, "lock_timeout": LOCK_TIMEOUT}
    try:
        connection.execute(sql.query("migration_lock"), lock)
    except psycopg.errors.LockNotAvailable as fault:
        raise TimedOut(
            f"Another migration on this server has gone on for {LOCK_TIMEOUT}. Wait, then repeat."
        ) from fault
