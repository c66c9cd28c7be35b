"""The rules of player_service: which id a new player gets, and what may not change about one."""

from dataclasses import dataclass
from uuid import UUID, uuid5

from wallet_runtime.plumbing.errors import Conflict, Invalid, NotFound


@dataclass(frozen=True)
class Player:
    """A player as player_service keeps it."""

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
    """Return the id that the caller named, or the one that brand and request id always give."""
    return named or uuid5(brand_id, request_id)


def agreed_brand(header: UUID, in_body: UUID | None) -> UUID:
    """Return the brand; a body that names another one than the header is refused (422)."""
    if in_body is not None and in_body != header:
        raise Invalid("brand_id in the body and the X-Brand-Id header name two brands; name one")
    return header


def confirm_same(player: Player, currency: str, canary: bool) -> None:
    """Refuse (409) a repeated registration that would change what is fixed at creation."""
    if player.currency != currency or player.canary != canary:
        raise PlayerDiffers(details={"currency": player.currency, "canary": player.canary})
