"""The rules of player_service: ids of new players, and attributes that never change."""

from dataclasses import dataclass
from uuid import UUID, uuid5

from wallet_runtime.plumbing.errors import Conflict, Invalid, NotFound


@dataclass(frozen=True)
class Player:
    """A row of the players' table."""

    player_id: UUID
    currency: str
    status: str
    canary: bool


class PlayerNotFound(NotFound):
    """This brand has no such player."""

    code = "PLAYER_NOT_FOUND"


class PlayerDiffers(Conflict):
    """A player with this id exists already with another currency or canary mark.

    Neither can change.
    """

    code = "PLAYER_EXISTS"


def choose_player_id(brand_id: UUID, named: UUID | None, request_id: str) -> UUID:
    """Return the id that the caller chose, else one derived from brand and request id."""
    return named or uuid5(brand_id, request_id)


def agreed_brand(header: UUID, in_body: UUID | None) -> UUID:
    """Return the header's brand; raise `Invalid` (422) if the body names another one."""
    if in_body is not None and in_body != header:
        raise Invalid("brand_id in the body and the X-Brand-Id header name two brands; name one")
    return header


def confirm_same(player: Player, currency: str, canary: bool) -> None:
    """Raise `PlayerDiffers` (409) if a repeated registration has other attributes."""
    if player.currency != currency or player.canary != canary:
        raise PlayerDiffers(details={"currency": player.currency, "canary": player.canary})
