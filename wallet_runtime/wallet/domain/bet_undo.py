"""Rollback of a known bet: its stake returns, and a payout is taken back."""

from msgspec.structs import astuple

from wallet_runtime.plumbing.money import format_amount
from wallet_runtime.wallet.domain import bet_parts, locks
from wallet_runtime.wallet.domain.bet_refusals import (
    ROLLBACK,
    FurtherWins,
    refuse_gone,
    refuse_spent,
)
from wallet_runtime.wallet.domain.decision import STAKE, Decision, event
from wallet_runtime.wallet.domain.events import BetRolledBack
from wallet_runtime.wallet.domain.obligations import PROMO
from wallet_runtime.wallet.domain.records import BetClosed, Leg, nonzero
from wallet_runtime.wallet.domain.state import (
    ActivePair,
    Authorization,
    Request,
    Share,
    State,
)


def return_stake(request: Request, bet: Authorization, state: State) -> Decision:
    """Undo an open bet: return its stake."""
    resting, returned = bet_parts.landed(bet.funding, bet, state)
    # The locks of the sources still include the open stake. Only a share that returns to another
    # account changes locks.
    changed = bet_parts.changes((*bet_parts.negative(bet.funding), *resting))
    legs = (Leg(STAKE, -bet.stake, bet.currency), *returned)
    return _rolled_back(request, bet, legs, locks.relocked(state, changed))


def take_back(request: Request, bet: Authorization, state: State, pair: ActivePair) -> Decision:
    """Undo a settled bet whole, or refuse."""
    resting, returned = bet_parts.landed(bet.funding, bet, state)
    if state.further_wins:
        raise FurtherWins(details={"further_wins": format_amount(state.further_wins, bet.currency)})
    gone = _gone(resting, pair)
    if gone:
        return refuse_gone(bet, bet_parts.pair_of(bet), gone)
    paid = bet.payout_shares or ()
    short = _short(paid, state)
    if short:
        return refuse_spent(bet, bet_parts.pair_of(bet), short)
    taken = bet_parts.legs_of(bet_parts.negative(paid), bet.currency)
    house = Leg("HOUSE", (bet.payout or 0) - bet.stake, bet.currency)
    legs = nonzero((*taken, house, *returned))
    return _rolled_back(request, bet, legs, _locks_after(paid, resting, state))


def _gone(resting: tuple[Share, ...], pair: ActivePair) -> list[str]:
    """List the buckets that get a part of the stake back, but are not in the active topology."""
    buckets = (share.account for share in resting if bet_parts.is_bucket(share.account))
    return [account for account in buckets if not pair.has_bucket(account)]


def _short(paid: tuple[Share, ...], state: State) -> list[str]:
    """List the accounts that no longer hold all that the bet paid to them.

    PROMO is never one of them, because it can always pay back.
    """
    return [
        share.account
        for share in paid
        if share.account != PROMO and _kept(share.account, state) < share.amount
    ]


def _kept(account: str, state: State) -> int:
    """Return how much of the money that was paid to an account is still there.

    Money that came in later does not replace spent money.
    """
    held = state.balance(account)
    return min(held, state.low_water.get(account, held))


def _locks_after(paid: tuple[Share, ...], resting: tuple[Share, ...], state: State) -> locks.Locks:
    """Restore the locks that settlement lifted, and lock what returns to a lapsed rolling."""
    returned = bet_parts.changes(resting)
    lapsed = {account: amount for account, amount in returned.items() if account in state.lapsed}
    changed = bet_parts.changes((*bet_parts.negative(paid), *resting))
    return locks.relocked(state, changed, state.lifted | lapsed)


def _rolled_back(
    request: Request, bet: Authorization, legs: tuple[Leg, ...], locked: locks.Locks
) -> Decision:
    taken_back = BetRolledBack(*astuple(bet_parts.ended(bet, bet.payout or 0)), was=bet.state)
    return Decision(
        command=ROLLBACK,
        status=200,
        body=bet_parts.body(bet, "ROLLED_BACK", bet.payout),
        pair=bet_parts.pair_of(bet),
        starts_new=False,
        legs=legs,
        locks=locked,
        authorization=BetClosed(bet.authorization_id, bet.state, "ROLLED_BACK"),
        events=(event(request, taken_back),),
    )
