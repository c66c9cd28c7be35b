"""Players' choices of a funding source: per provider type, the newest choice counts.

A choice moves no money, so it does not go through `wallet.apply_command`.
"""

from uuid import UUID

from msgspec import Struct

from sql import query
from wallet_runtime.plumbing.runtime.database import Database
from wallet_runtime.wallet.domain.choices import Choice
from wallet_runtime.wallet.domain.state import Request
from wallet_runtime.wallet.store.command import encoded
from wallet_runtime.wallet.store.outcomes import write

_KEEP, _READ = "wallet_choose_source", "wallet_funding_choices"
for _name in (_KEEP, _READ):
    query(_name)


class ChoiceRecord(Struct, frozen=True):
    """A choice and its request. SQL function `wallet.choose_source` reads the fields by name."""

    brand_id: UUID
    player_id: UUID
    caller: str
    route: str
    request_id: str
    fingerprint: str
    transaction_id: UUID
    canary_token: str | None
    provider_type: str
    source: str


def keep(database: Database, request: Request, choice: Choice) -> None:
    """Save a choice once per request id; a repeated request changes nothing.

    Raises `Maintenance` (503) while money is sealed, or if the canary token is not a valid pass.
    Raises `PayloadMismatch` (409) if the request id was used with another payload, and
    `AnswerPruned` (409) if its answer is no longer stored.
    """
    write(database, _KEEP, choice=encoded(_record(request, choice)))


def _record(request: Request, choice: Choice) -> ChoiceRecord:
    return ChoiceRecord(
        brand_id=request.brand_id,
        player_id=request.player_id,
        caller=request.caller,
        route=request.route,
        request_id=request.request_id,
        fingerprint=f"\\x{request.fingerprint}",
        transaction_id=request.transaction_id,
        canary_token=request.canary_token,
        provider_type=choice.provider_type,
        source=choice.source,
    )


def kept(database: Database, brand_id: UUID, player_id: UUID) -> dict[str, str]:
    """Return the player's chosen source for each provider type."""
    with database.session() as session:
        return {
            str(row["provider_type"]): str(row["source"])
            for row in session.all(_READ, brand_id=brand_id, player_id=player_id)
        }
