"""The gateway's maintenance switch.

Read for each request that starts something new, so that every copy obeys at once.
"""

from dataclasses import asdict, dataclass

from sql import query
from wallet_runtime.plumbing.errors import PayloadMismatch
from wallet_runtime.plumbing.runtime.database import Database, Row

_READ, _WRITE = "gateway_read_maintenance", "gateway_write_maintenance"
_CLAIM, _CLAIMED = "gateway_claim_maintenance", "gateway_claimed_maintenance"
for _name in (_READ, _WRITE, _CLAIM, _CLAIMED):
    query(_name)


@dataclass(frozen=True)
class Switch:
    """The wish of a person, under a key of hers, to close the door (`is_active`) or to open it."""

    person: str
    key: str
    is_active: bool
    message: str


def read_maintenance(database: Database) -> Row:
    """Return {is_active, message, changed_at}."""
    with database.session() as session:
        return session.one(_READ)


def write_maintenance(database: Database, switch: Switch) -> Row:
    """Set the switch once per person and key.

    Return {is_active, message, changed_at} as this wish left it.

    Raises `PayloadMismatch` (409) for a key that came with another wish before.
    """
    with database.transaction() as session:
        if session.maybe(_CLAIM, **asdict(switch)):
            return session.one(_WRITE, is_active=switch.is_active, message=switch.message)
        held = session.one(_CLAIMED, person=switch.person, key=switch.key)
    if (held["is_active"], held["message"]) != (switch.is_active, switch.message):
        raise PayloadMismatch
    return held
