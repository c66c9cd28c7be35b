"""Locked money: only its winnings become withdrawable (SPEC 1.5).

Money is locked when its rolling ends without its turnover.

The locked amount of an account is stored beside its balance. It includes locked money in open bets,
because a stake that returns stays locked. Lost money is unlocked.
"""

from collections.abc import Mapping

from wallet_runtime.wallet.domain.player import rollings_of
from wallet_runtime.wallet.domain.records import LockChange
from wallet_runtime.wallet.domain.state import Obligation, State

NOTHING: dict[str, int] = {}
Locks = tuple[LockChange, ...]


def unlocked(state: State, account: str) -> int:
    """Return the part of a balance that may leave the account.

    Money of one account is all alike, so locked money is assumed to lie in open stakes first.
    """
    locked, balance = state.locked_on(account), state.balance(account)
    return min(balance, max(0, balance + state.staked_on(account) - locked)) if locked else balance


def lock_share(state: State, owed: Obligation) -> Locks:
    """Lock the part of an account that belongs to a closed rolling, rounded up.

    The rest belongs to other rollings, or was earned by completed ones.
    """
    share = _free(state, owed.account) - _others_part(state, owed)
    return (LockChange(owed.account, share),) if share else ()


def earned_part(state: State, owed: Obligation) -> int:
    """Return the part of the account of `owed` that completed rollings have earned.

    It is 0 while another rolling of the account is active.
    """
    if state.has_active_rolling(owed.account, besides=owed.rolling_id):
        return 0
    return min(state.balance(owed.account), _others_part(state, owed))


def _free(state: State, account: str) -> int:
    return max(0, state.balance(account) + state.staked_on(account) - state.locked_on(account))


def _others_part(state: State, owed: Obligation) -> int:
    others = sum(each.weight for each in rollings_of(state, owed.account, besides=owed.rolling_id))
    whole = owed.weight + others
    return _free(state, owed.account) * (owed.earned + others) // whole if whole else 0


def moved(state: State, source: str, target: str, amount: int) -> Locks:
    """Return the lock changes of a transfer: unlocked money moves first, then locked money."""
    part = min(state.locked_on(source), max(0, amount - unlocked(state, source)))
    return relocked(state, {source: -amount, target: amount}, {source: -part, target: part})


def relocked(state: State, changes: Mapping[str, int], added: Mapping[str, int] = NOTHING) -> Locks:
    """Return the lock changes of a command that locks the amounts `added` per account.

    `changes` is the change of balance plus open stakes per account. Afterwards no account has more
    locked than it holds and has staked.
    """
    deltas = (
        (account, _lock_change(state, account, changes.get(account, 0), added.get(account, 0)))
        for account in dict.fromkeys((*changes, *added))
    )
    return tuple(LockChange(account, delta) for account, delta in deltas if delta)


def _lock_change(state: State, account: str, change: int, added: int) -> int:
    before = state.locked_on(account)
    wanted = before + added
    if wanted and change < added:
        left = state.balance(account) + state.staked_on(account) + change
        wanted = min(wanted, left)
    return wanted - before
