"""Splits a stake over the accounts that pay it, and a payout over the same accounts.

Pure arithmetic: the same rule and balances always give the same result.
"""

import msgspec

from wallet_runtime.plumbing.money import parse_amount
from wallet_runtime.wallet.domain.documents import NO_LIMIT, STAKEABLE_KINDS, FundingRule, Topology
from wallet_runtime.wallet.domain.state import Share, State, is_grant


class SourceNotAllowed(Exception):
    """The funding rule does not allow the named source."""


class NotEnough(Exception):
    """The allowed sources hold less than the stake."""

    def __init__(self, available: int) -> None:
        """Keep the sum that the allowed sources hold, in minor units."""
        self.available = available
        super().__init__(str(available))


class Coupons(msgspec.Struct, frozen=True):
    """The accounts of the grants that may pay a bet, in the order of use.

    With `pay_first` grants pay before the sources of the rule, else after them.
    """

    accounts: tuple[str, ...] = ()
    pay_first: bool = True


NO_COUPONS = Coupons()


def paying_order(
    topology: Topology, rule: FundingRule, coupons: Coupons = NO_COUPONS
) -> tuple[str, ...]:
    """List the accounts that may pay a bet, in order.

    Grants come before or after the sources of the rule. WITHDRAWABLE comes first, last or not at
    all. Points are never listed, even if a document names them.
    """
    sources = _stakeable(topology, rule)
    order = coupons.accounts + sources if coupons.pay_first else sources + coupons.accounts
    withdrawable = (topology.withdrawable_account,)
    if rule.withdrawable == "first":
        return withdrawable + order
    return order + withdrawable if rule.withdrawable == "last" else order


def _stakeable(topology: Topology, rule: FundingRule) -> tuple[str, ...]:
    found = (topology.bucket(code) for code in rule.sources)
    return tuple(
        topology.account(bucket.code)
        for bucket in found
        if bucket is not None and bucket.kind in STAKEABLE_KINDS
    )


def fund(
    topology: Topology,
    rule: FundingRule,
    state: State,
    stake: int,
    source: str | None,
    coupons: Coupons = NO_COUPONS,
) -> tuple[Share, ...]:
    """Take a stake from the allowed accounts in order, from each as much as it holds.

    A selection rule takes the whole stake from `source`, a bucket code or a grant's account. Raises
    `SourceNotAllowed` for a source that is not allowed, or for any source under a combined rule.
    Raises `NotEnough` if the accounts together hold less than the stake.
    """
    accounts = paying_order(topology, rule, coupons)
    if rule.mode == "selection":
        accounts = (_picked(accounts, source),)
    elif source is not None:
        raise SourceNotAllowed(
            "this provider type is paid by the server's own order; a source cannot be named"
        )
    return _shares(accounts, stake, state)


def _shares(accounts: tuple[str, ...], stake: int, state: State) -> tuple[Share, ...]:
    shares, left = [], stake
    for account in accounts:
        part = min(left, state.balance(account))
        if part > 0:
            shares.append(Share(account, part))
            left -= part
    if left > 0:
        raise NotEnough(stake - left)
    return tuple(shares)


def is_limited(topology: Topology, rule: FundingRule, state: State, currency: str) -> bool:
    """Tell whether the rule has a limit and the player has, or had, bonus money or a coupon."""
    limited = rule.max_bet_under_bonus.get(currency, NO_LIMIT) != NO_LIMIT
    return limited and (
        bool(state.grants)
        or state.had_grants
        or any(_is_bonus(topology, account) for account in state.buckets)
    )


def over_round_limit(  # noqa: PLR0913
    topology: Topology,
    rule: FundingRule,
    state: State,
    shares: tuple[Share, ...],
    round_id: str,
    currency: str,
) -> int | None:
    """Return the bonus limit if a bet and the open bets of its round together exceed it.

    The limit applies if bonus money pays a part of any of these bets; otherwise the result is None.
    The open bets are read only if bonus money is possible, so that other bets need no extra query.
    """
    if not is_limited(topology, rule, state, currency):
        return None
    staked = (Share(*item) for item in state.staked_in_round(round_id).items())
    together = (*shares, *staked)
    stake = sum(share.amount for share in together)
    return over_bonus_limit(topology, rule, together, stake, currency)


def over_bonus_limit(
    topology: Topology, rule: FundingRule, shares: tuple[Share, ...], stake: int, currency: str
) -> int | None:
    """Return the limit in minor units if stakes with a bonus or grant share exceed it, or None."""
    limit = rule.max_bet_under_bonus.get(currency, NO_LIMIT)
    if limit == NO_LIMIT or not any(_is_bonus(topology, share.account) for share in shares):
        return None
    most = parse_amount(limit, currency)
    return most if stake > most else None


def split_payout(payout: int, shares: tuple[Share, ...]) -> tuple[int, ...]:
    """Split a payout in proportion to the shares, by the largest remainder method.

    Ties go to the earlier share. The parts always sum to the payout.
    """
    stake = sum(share.amount for share in shares)
    divided = [divmod(payout * share.amount, stake) for share in shares]
    parts = [part for part, _ in divided]
    by_remainder = sorted(range(len(shares)), key=lambda index: (-divided[index][1], index))
    for index in by_remainder[: payout - sum(parts)]:
        parts[index] += 1
    return tuple(parts)


def by_source(accounts: tuple[str, ...]) -> dict[str, str]:
    """Map the names that a player may pick to accounts: bucket codes, and accounts of grants."""
    return {
        account if is_grant(account) else account.partition("/")[2]: account for account in accounts
    }


def _picked(accounts: tuple[str, ...], source: str | None) -> str:
    by_name = by_source(accounts)
    if source not in by_name:
        raise SourceNotAllowed(f"pick one source of {', '.join(by_name)}; found {source!r}")
    return by_name[source]


def _is_bonus(topology: Topology, account: str) -> bool:
    bucket = topology.bucket(account.partition("/")[2])
    return is_grant(account) or (bucket is not None and bucket.kind == "bonus")
