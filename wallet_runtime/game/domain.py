"""The rules of game_service: types of providers, and a bet's state after a wallet's answer."""

from dataclasses import dataclass
from typing import Literal

import msgspec

from wallet_runtime.contract.codes import (
    BET_ALREADY_EXISTS,
    IDEMPOTENCY_ANSWER_PRUNED,
    IDEMPOTENCY_IN_FLIGHT,
    IDEMPOTENCY_PAYLOAD_MISMATCH,
)
from wallet_runtime.contract.providers import PROVIDERS
from wallet_runtime.plumbing.errors import NotFound
from wallet_runtime.plumbing.money import parse_amount

Kind = Literal["authorize", "settle", "rollback"]

_SUCCESS = range(200, 300)
_REFUSALS = frozenset({400, 404, 409, 422})
# These errors are about the request id: it is used with another payload, it is being processed, or
# its answer was deleted. None tells how the command ended.
_UNDECIDED = frozenset(
    {
        IDEMPOTENCY_IN_FLIGHT,
        IDEMPOTENCY_PAYLOAD_MISMATCH,
        IDEMPOTENCY_ANSWER_PRUNED,
    }
)
_ACCEPTED_STATE = {"authorize": "AUTHORIZED", "settle": "SETTLED", "rollback": "ROLLED_BACK"}
_FROM_STATES = {
    "authorize": ("PENDING", "REFUSED"),
    # PENDING and REFUSED as well: the wallet may have accepted the bet although its answer was
    # lost.
    "settle": ("PENDING", "REFUSED", "AUTHORIZED"),
    "rollback": ("PENDING", "REFUSED", "AUTHORIZED", "SETTLED"),
}


class UnknownProvider(NotFound):
    """No game provider has this id."""

    code = "PROVIDER_NOT_FOUND"


class _Answered(msgspec.Struct, frozen=True):
    currency: str | None = None
    stake: str | None = None
    payout: str | None = None


@dataclass(frozen=True)
class Terms:
    """A bet's currency and amounts (minor units) in the wallet's answer; None if absent there."""

    currency: str | None = None
    stake: int | None = None
    payout: int | None = None


def provider_type(provider_id: str) -> str:
    """Return SPORTS, LIVE or SLOTS for a provider, or raise `UnknownProvider` (404)."""
    try:
        return PROVIDERS[provider_id]
    except KeyError:
        raise UnknownProvider(
            f"no game provider has the id {provider_id[:40]!r}; known are {', '.join(PROVIDERS)}"
        ) from None


def read_terms(answer: bytes) -> Terms:
    """Read a bet's terms from the wallet's answer (JSON).

    All terms are None if the answer has no stake, or a stake of zero, as for a rollback that came
    before its bet.
    """
    said = msgspec.json.decode(answer, type=_Answered)
    stake = _minor(said.stake, said.currency)
    return Terms(said.currency, stake, _minor(said.payout, said.currency)) if stake else Terms()


def _minor(amount: str | None, currency: str | None) -> int | None:
    return (
        parse_amount(amount, currency, zero_allowed=True)
        if amount is not None and currency
        else None
    )


def is_final(status: int, code: str | None = None) -> bool:
    """Tell whether the wallet's answer is final; after others (401, 403, 5xx) a retry decides."""
    return status in _SUCCESS or (status in _REFUSALS and code not in _UNDECIDED)


def state_after(
    kind: Kind, status: int, code: str | None = None
) -> tuple[str | None, tuple[str, ...]]:
    """Return the bet's new state and the states from which it may change.

    The new state is None if the answer does not change the bet. "The bet exists already" does not
    change it either, because an earlier attempt placed it.
    """
    if status in _SUCCESS:
        return _ACCEPTED_STATE[kind], _FROM_STATES[kind]
    if kind == "authorize" and is_final(status, code) and code != BET_ALREADY_EXISTS:
        return "REFUSED", ("PENDING",)
    return None, ()
