"""References of awards and bonuses.

A reference may be used once per brand and command, by any caller (SPEC 1.3).
"""

import msgspec
from msgspec.structs import asdict

from wallet_runtime.wallet.domain.decision import Decision, refuse
from wallet_runtime.wallet.domain.reads import ReadMore, Reads
from wallet_runtime.wallet.domain.state import ActivePair, ReferenceUse, State


def refuse_used(command: str, reference: str, state: State, pair: ActivePair) -> Decision | None:
    """Refuse (409) a reference that was used before, even for the same player and amount.

    The result is None for a new reference.

    A caller that wants the first answer again has to repeat the first request with its request id.
    """
    if state.reference is msgspec.UNSET:
        raise ReadMore(Reads(reference_of=command, reference=reference))
    if state.reference is None:
        return None
    return _refuse(command, reference, state.reference, pair)


def _refuse(command: str, reference: str, used: ReferenceUse, pair: ActivePair) -> Decision:
    message = (
        f"reference {reference} was used for player {used.player_id} in transaction"
        f" {used.transaction_id}; nothing was moved"
    )
    details = {"reference": reference, **asdict(used)}
    return refuse(command, pair, 409, "REFERENCE_USED", message, starts_new=True, **details)
