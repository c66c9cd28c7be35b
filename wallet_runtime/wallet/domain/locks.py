"""Locked money: only its winnings become withdrawable (SPEC 1.5).

Its rolling ended otherwise than by turnover.

How much of an account is locked is a figure of its own, beside the balance. It counts what open
bets hold of the account, too: a stake that comes back was locked and is locked. What is lost is
locked no longer.
"""

from collections.abc import Mapping

from wallet_runtime.wallet.domain.records import LockChange
from wallet_runtime.wallet.domain.state import Obligation, State

NOTHING: dict[str, int] = {}
Locks = tuple[LockChange, ...]


def unlocked(state: State, account: str) -> int:
    """Return what of a balance may leave.

    What is locked may as well lie in open stakes: money of one account is all alike.
    """
    locked, balance = state.locked_on(account), state.balance(account)
    return min(balance, max(0, balance + state.staked_on(account) - locked)) if locked else balance


def lock_share(state: State, owed: Obligation) -> Locks:
    """Lock the part of an account that a closed rolling stood for, rounded up.

    The rest is other rollings' or was earned.
    """
    share = _free(state, owed.account) - _others_part(state, owed)
    return (LockChange(owed.account, share),) if share else ()


def earned_part(state: State, owed: Obligation) -> int:
    """Return what completed rollings have earned of an account whose last rolling is closed.

    0 while another one is active.
    """
    if state.has_active_rolling(owed.account, besides=owed.rolling_id):
        return 0
    return min(state.balance(owed.account), _others_part(state, owed))


def _free(state: State, account: str) -> int:
    return max(0, state.balance(account) + state.staked_on(account) - state.locked_on(account))


def _others_part(state: State, owed: Obligation) -> int:
    others = sum(
        o.weight
        for o in state.obligations
        if o.account == owed.account and o.rolling_id != owed.rolling_id
    )
    whole = owed.weight + others
    return _free(state, owed.account) * (owed.earned + others) // whole if whole else 0


def moved(state: State, source: str, target: str, amount: int) -> Locks:
    """Move locked money along where an amount takes more than what is unlocked."""
    part = min(state.locked_on(source), max(0, amount - unlocked(state, source)))
    return relocked(state, {source: -amount, target: amount}, {source: -part, target: part})


def relocked(state: State, changes: Mapping[str, int], added: Mapping[str, int] = NOTHING) -> Locks:
    """Return the changes of locks by a command.

    That is `added`, but never more than an account holds and has staked after it.

    `changes` says per account how much more, or less, it holds and has staked then.
    """
    locks = []
    for account in dict.fromkeys((*changes, *added)):
        before = state.locked_on(account)
        wanted = before + added.get(account, 0)
        if wanted and changes.get(account, 0) < added.get(account, 0):
            left = state.balance(account) + state.staked_on(account) + changes.get(account, 0)
            wanted = min(wanted, left)
        if wanted != before:
            locks.append(LockChange(account, wanted - before))
    return tuple(locks)
