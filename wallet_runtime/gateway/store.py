"""The gateway's maintenance switch.

It is read from the database for each new bet, deposit or withdrawal, so that a change takes effect
in every gateway process at once.
"""

from dataclasses import asdict, dataclass

from sql import query
from wallet_runtime.plumbing.errors import PayloadMismatch
from wallet_runtime.plumbing.runtime.database import Database, DatabaseSession, Row

_READ, _WRITE = "gateway_read_maintenance", "gateway_write_maintenance"
_CLAIM, _CLAIMED = "gateway_claim_maintenance", "gateway_claimed_maintenance"
for _name in (_READ, _WRITE, _CLAIM, _CLAIMED):
    query(_name)


@dataclass(frozen=True)
class Switch:
    """A person's request to set the switch; `key` is its idempotency key."""

    person: str
    key: str
    is_active: bool
    message: str


def read_maintenance(database: Database) -> Row:
    """Return the switch: {is_active, message, changed_at}."""
    with database.session() as session:
        return session.one(_READ)


def write_maintenance(database: Database, switch: Switch) -> Row:
    """Set the switch, once per person and key; return {is_active, message, changed_at}.

    A repeat returns the result of the first request. Raises `PayloadMismatch` (409) if the key was
    used for another request.
    """
    with database.transaction() as session:
        if session.maybe(_CLAIM, **asdict(switch)):
            return session.one(_WRITE, is_active=switch.is_active, message=switch.message)
        return _first_answer(session, switch)


def _first_answer(session: DatabaseSession, switch: Switch) -> Row:
    held = session.one(_CLAIMED, person=switch.person, key=switch.key)
    if (held["is_active"], held["message"]) != (switch.is_active, switch.message):
        raise PayloadMismatch
    return held
