"""Checks at the start of a process that the tables of an outbox or a consumer exist."""

import structlog

from wallet_runtime.plumbing.errors import Unavailable
from wallet_runtime.plumbing.runtime.database import Database, DatabaseError
from wallet_runtime.plumbing.runtime.settings import SettingsError

UNDEFINED_TABLE = "42P01"

log = structlog.get_logger("events")


def confirm_tables(database: Database, statement: str) -> None:
    """Run a statement that reads every table of an outbox or a consumer.

    Raises SettingsError, which stops the start, if a table is missing. A database that does not
    answer is only logged, because the readiness check reports it.
    """
    try:
        with database.session() as session:
            session.all(statement)
    except Unavailable as error:
        log.warning("tables cannot be asked for yet", error=error.message)
    except DatabaseError as error:
        if error.sqlstate != UNDEFINED_TABLE:
            raise
        raise SettingsError([f"{error.message}; the database needs `rubyops migrate`"]) from error
