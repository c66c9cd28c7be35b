"""The players' table."""

from uuid import UUID

from sql import query
from wallet_runtime.player.domain import Player, PlayerNotFound
from wallet_runtime.plumbing.runtime import fence
from wallet_runtime.plumbing.runtime.database import Database

_CREATE, _READ = "player_create", "player_read"
for _name in (_CREATE, _READ):
    query(_name)


def create(
    database: Database,
    brand_id: UUID,
    player_id: UUID,
    *,
    currency: str,
    canary: bool,
    fence_token: int | None,
) -> Player:
    """Create the player unless the id exists; return the stored player."""
    with database.transaction() as session:
        fence.hold(session, fence_token)
        session.run(
            _CREATE, brand_id=brand_id, player_id=player_id, currency=currency, canary=canary
        )
    return read(database, brand_id, player_id)


def read(database: Database, brand_id: UUID, player_id: UUID) -> Player:
    """Return a player of this brand, or raise `PlayerNotFound` (404)."""
    with database.session() as session:
        row = session.maybe(_READ, brand_id=brand_id, player_id=player_id)
    if row is None:
        raise PlayerNotFound
    return Player(**row)
