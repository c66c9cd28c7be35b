"""Helpers of the commands on bets and wins: they move shares and describe a bet."""

from collections.abc import Iterable

from wallet_runtime.plumbing.money import format_amount
from wallet_runtime.wallet.domain import coupons
from wallet_runtime.wallet.domain.answers import BetAnswer
from wallet_runtime.wallet.domain.decision import funding_parts, shares_json
from wallet_runtime.wallet.domain.events import BetEnded
from wallet_runtime.wallet.domain.obligations import PROMO
from wallet_runtime.wallet.domain.records import Leg
from wallet_runtime.wallet.domain.state import (
    Authorization,
    PairReference,
    Share,
    State,
    is_grant,
)


def landed(
    due: tuple[Share, ...], bet: Authorization, state: State
) -> tuple[tuple[Share, ...], tuple[Leg, ...]]:
    """Return the accounts that finally keep the shares, and the legs that lead there.

    A closed grant passes its share on. The legs into and out of this grant are included.
    """
    resting: list[Share] = []
    passing: list[Leg] = []
    for share in due:
        *through, last = coupons.landing(share.account, state, bet.policy_snapshot.withdrawable)
        for account in through:
            passing += _passing(account, share.amount, bet.currency)
        resting.append(Share(last, share.amount))
    merged = merge(resting)
    return merged, (*passing, *legs_of(merged, bet.currency))


def _passing(account: str, amount: int, currency: str) -> tuple[Leg, ...]:
    return (Leg(account, amount, currency), Leg(account, -amount, currency))


def legs_of(shares: Iterable[Share], currency: str) -> tuple[Leg, ...]:
    """Return a leg for each share."""
    return tuple(Leg(share.account, share.amount, currency) for share in shares)


def pair_of(bet: Authorization) -> PairReference:
    """Return the pair under which a bet was authorized."""
    return PairReference(
        bet.topology_code, bet.topology_version, bet.policy_key, bet.policy_version
    )


def merge(shares: Iterable[Share]) -> tuple[Share, ...]:
    """Add up the shares of each account, in the order in which the accounts first occur."""
    merged: dict[str, int] = {}
    for share in shares:
        merged[share.account] = merged.get(share.account, 0) + share.amount
    return tuple(Share(account, amount) for account, amount in merged.items())


def changes(shares: Iterable[Share]) -> dict[str, int]:
    """Sum the shares per bucket account. Grants and PROMO are left out: they have no locks."""
    return {share.account: share.amount for share in merge(shares) if is_bucket(share.account)}


def is_bucket(account: str) -> bool:
    """Tell whether an account of shares is a bucket, and neither a grant nor PROMO."""
    return account != PROMO and not is_grant(account)


def negative(shares: Iterable[Share]) -> tuple[Share, ...]:
    """Return the shares with negated amounts."""
    return tuple(Share(share.account, -share.amount) for share in shares)


def body(bet: Authorization, state: str, payout: int | None) -> BetAnswer:
    """Build the part of an answer that describes a bet."""
    return BetAnswer(
        authorization_id=bet.authorization_id,
        bet_id=bet.bet_id,
        state=state,
        stake=format_amount(bet.stake, bet.currency),
        payout=None if payout is None else format_amount(payout, bet.currency),
        currency=bet.currency,
        funding=shares_json(bet.funding, bet.currency),
    )


def ended(bet: Authorization, payout: int) -> BetEnded:
    """Build the part of an event that describes a closed bet."""
    return BetEnded(
        authorization_id=bet.authorization_id,
        bet_id=bet.bet_id,
        provider_id=bet.provider_id,
        provider_type=bet.provider_type,
        currency=bet.currency,
        stake=str(bet.stake),
        payout=str(payout),
        funding=funding_parts(bet.funding),
    )
