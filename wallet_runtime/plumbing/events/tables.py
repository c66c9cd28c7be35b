"""The tables of an owner of events, asked for once before its loops begin."""

import structlog

from wallet_runtime.plumbing.errors import Unavailable
from wallet_runtime.plumbing.runtime.database import Database, DatabaseError
from wallet_runtime.plumbing.runtime.settings import SettingsError

UNDEFINED_TABLE = "42P01"

log = structlog.get_logger("events")


def confirm_tables(database: Database, statement: str) -> None:
    """Run the statement that names every table of an owner.

    Raises SettingsError, which stops the start, where one is missing. A database that does not
    answer says nothing of its tables: it shows in readiness.
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
