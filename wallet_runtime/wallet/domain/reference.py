"""References of awards and bonuses.

Each is used once per brand and command, whoever sends it (SPEC 1.3).
"""

import msgspec

from wallet_runtime.wallet.domain.decision import Decision, refuse
from wallet_runtime.wallet.domain.reads import ReadMore, Reads
from wallet_runtime.wallet.domain.state import ActivePair, State


def refuse_used(command: str, reference: str, state: State, pair: ActivePair) -> Decision | None:
    """Refuse (409) a reference that was used before, also for the same player and amount.

    None for a new one.

    The first sender repeats the request under its own key to get the first answer.
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
