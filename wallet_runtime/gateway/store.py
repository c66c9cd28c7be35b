"""The gateway's maintenance switch. Read for each request that starts something new, so that every copy obeys at once."""

from sql import query
from wallet_runtime.plumbing.database import Database, Row

_READ, _WRITE = "gateway_read_maintenance", "gateway_write_maintenance"
for _name in (_READ, _WRITE):
    query(_name)


def read_maintenance(database: Database) -> Row:
    """Return {is_active, message, changed_at}."""
    with database.session() as session:
        return session.one(_READ)


def write_maintenance(database: Database, *, is_active: bool, message: str) -> Row:
    """Set the switch and return it."""
    with database.session() as session:
        return session.one(_WRITE, is_active=is_active, message=message)
