"""The rules of game_service: what a provider serves, and how a wallet's answer moves a bet in the provider's books."""

from typing import Literal

from wallet_runtime import contract
from wallet_runtime.plumbing.errors import NotFound

Kind = Literal["authorize", "settle", "rollback"]

_SUCCESS = range(200, 300)
_REFUSALS = frozenset({400, 404, 409, 422})
_ACCEPTED_STATE = {"authorize": "AUTHORIZED", "settle": "SETTLED", "rollback": "ROLLED_BACK"}
_FROM_STATES = {
    "authorize": ("PENDING", "REFUSED"),
    # PENDING, too: a provider that never got the answer to its authorize may close a bet that the wallet did accept.
    "settle": ("PENDING", "AUTHORIZED"),
    "rollback": ("PENDING", "REFUSED", "AUTHORIZED", "SETTLED"),
}


class UnknownProvider(NotFound):
    """No game provider has this id."""

    code = "PROVIDER_NOT_FOUND"


def provider_type(provider_id: str) -> str:
    """Return SPORTS, LIVE or SLOTS for a provider, or raise `UnknownProvider` (404)."""
    try:
        return contract.PROVIDERS[provider_id]
    except KeyError:
        raise UnknownProvider(f"no game provider has the id {provider_id[:40]!r}; known are {', '.join(contract.PROVIDERS)}") from None


def is_final(status: int) -> bool:
    """Tell whether an answer of the wallet settles the matter; 401, 403 and every 5xx leave it open for a repeat."""
    return status in _SUCCESS or status in _REFUSALS


def state_after(kind: Kind, status: int) -> tuple[str | None, tuple[str, ...]]:
    """Return the bet's next state and the states it may come from; None where this answer does not move the bet."""
    if status in _SUCCESS:
        return _ACCEPTED_STATE[kind], _FROM_STATES[kind]
    if kind == "authorize" and status in _REFUSALS:
        return "REFUSED", ("PENDING",)
    return None, ()
