"""References of awards and bonuses.

A reference may be used once per brand and command, by any caller (SPEC 1.3).
"""

import msgspec

from wallet_runtime.wallet.domain.decision import Decision, refuse
from wallet_runtime.wallet.domain.reads import ReadMore, Reads
from wallet_runtime.wallet.domain.state import ActivePair, State


def refuse_used(command: str, reference: str, state: State, pair: ActivePair) -> Decision | None:
    """Refuse (409) a reference that was used before, even for the same player and amount.

    The result is None for a new reference.

    A caller that wants the first answer again has to repeat the first request with its request id.
    """
    if state.reference is msgspec.UNSET:
        raise ReadMore(Reads(reference_of=command, reference=reference))
    used = state.reference
    if used is None:
        return None
    message = (
        f"reference {reference} was used for player {used.player_id} in transaction"
        f" {used.transaction_id}; nothing was moved"
    )
    told = {
        "reference": reference,
        "player_id": used.player_id,
        "transaction_id": used.transaction_id,
    }
    return refuse(command, pair, 409, "REFERENCE_USED", message, starts_new=True, **told)
