"""The part of the policy that a bet keeps, so that a later policy does not change its end."""

from collections.abc import Iterable, Mapping
from itertools import chain

from wallet_runtime.wallet.domain import coupons
from wallet_runtime.wallet.domain.documents import GRANT
from wallet_runtime.wallet.domain.state import ActivePair, PolicySnapshot, Share, is_grant

Destinations = Mapping[str, tuple[str, str]]


def policy_snapshot(
    pair: ActivePair, provider_type: str, shares: Iterable[Share]
) -> PolicySnapshot:
    """Fix the destinations of a bet's winnings, for each account that pays a share of its stake."""
    destinations = {
        share.account: _destinations(pair, provider_type, share.account) for share in shares
    }
    withdrawable = pair.topology.withdrawable_account
    return PolicySnapshot(
        destinations=destinations,
        reaches=_reaches(destinations, withdrawable),
        withdrawable=withdrawable,
    )


def _destinations(pair: ActivePair, provider_type: str, account: str) -> tuple[str, str]:
    """Return the accounts for winnings while the rolling of `account` is active, and afterwards."""
    if is_grant(account):
        rule = coupons.winnings(pair.policy.coupons, provider_type)
    else:
        rule = pair.policy.destinations[account.partition("/")[2]]
    return _destination(pair, account, rule.before), _destination(pair, account, rule.after)


def _destination(pair: ActivePair, account: str, code: str) -> str:
    return account if code == GRANT else pair.topology.account(code)


def _reaches(destinations: Destinations, withdrawable: str) -> tuple[str, ...]:
    """List the buckets that settlement or rollback may pay; a grant may end in `withdrawable`."""
    accounts = {*destinations, *chain.from_iterable(destinations.values())}
    buckets = {withdrawable if is_grant(account) else account for account in accounts}
    return tuple(sorted(buckets))
