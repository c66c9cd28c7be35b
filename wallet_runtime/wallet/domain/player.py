"""Facts about the player of a command that several rules need."""

from wallet_runtime.wallet.domain.state import Obligation, State


def is_blocked(state: State) -> bool:
    """Tell whether the player exists and is blocked."""
    return state.player is not None and state.player.status == "blocked"


def currency_of(state: State) -> str:
    """Return the player's currency. The player has to exist."""
    assert state.player is not None
    return state.player.currency


def free_cash(state: State) -> int:
    """Return the player's available cash in minor units."""
    return state.cash.available if state.cash else 0


def rollings_of(
    state: State, account: str, *, besides: str | None = None
) -> tuple[Obligation, ...]:
    """Return the active rollings of an account, without the rolling `besides`."""
    return tuple(
        owed for owed in state.obligations if owed.account == account and owed.rolling_id != besides
    )
