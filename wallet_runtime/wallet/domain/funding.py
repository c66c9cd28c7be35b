"""How a stake is paid and how a payout is split: pure arithmetic over a rule and balances, the same on every run."""

from wallet_runtime.plumbing.money import parse_amount
from wallet_runtime.wallet.domain.documents import FundingRule, Topology
from wallet_runtime.wallet.domain.state import Share, State


class SourceNotAllowed(Exception):
    """The named source is not one the rule allows."""


class NotEnough(Exception):
    """The allowed sources hold less than the stake."""

    def __init__(self, available: int) -> None:
        """Say how much the allowed sources hold, in minor units."""
        self.available = available
        super().__init__(str(available))


def allowed_sources(topology: Topology, rule: FundingRule) -> tuple[str, ...]:
    """List bucket codes in the order they pay: the rule's sources with the withdrawable bucket first, last or not at all."""
    withdrawable = (topology.withdrawable.code,)
    if rule.withdrawable == "first":
        return withdrawable + rule.sources
    return rule.sources + withdrawable if rule.withdrawable == "last" else rule.sources


def fund(topology: Topology, rule: FundingRule, state: State, stake: int, source: str | None) -> tuple[Share, ...]:
    """Take a stake from the sources that the rule allows, each as far as it reaches, in order.

    A selection rule needs `source` and is never topped up from another; a combined rule refuses one (`SourceNotAllowed`).
    Raises `NotEnough` when the sources together hold less than the stake.
    """
    sources = allowed_sources(topology, rule)
    if rule.mode == "selection":
        if source not in sources:
            raise SourceNotAllowed(f"pick one source of {', '.join(sources)}; found {source!r}")
        sources = (source,)
    elif source is not None:
        raise SourceNotAllowed("this provider type is paid by the server's own order; a source cannot be named")
    shares, left = [], stake
    for code in sources:
        account = topology.account(code)
        part = min(left, state.balance(account))
        if part > 0:
            shares.append(Share(account, part))
            left -= part
    if left > 0:
        raise NotEnough(stake - left)
    return tuple(shares)


def over_bonus_limit(topology: Topology, rule: FundingRule, shares: tuple[Share, ...], stake: int, currency: str) -> int | None:
    """Return the limit in minor units that a stake with any bonus share exceeds, or None."""
    limit = rule.max_bet_under_bonus.get(currency)
    if limit is None or not any(_is_bonus(topology, share.account) for share in shares):
        return None
    most = parse_amount(limit, currency)
    return most if stake > most else None


def split_payout(payout: int, shares: tuple[Share, ...]) -> tuple[int, ...]:
    """Split a payout in proportion to the shares, by largest remainder; ties go to the earlier share.

    The parts always sum to the payout.
    """
    stake = sum(share.amount for share in shares)
    parts = [payout * share.amount // stake for share in shares]
    by_remainder = sorted(range(len(shares)), key=lambda i: (-(payout * shares[i].amount % stake), i))
    for index in by_remainder[: payout - sum(parts)]:
        parts[index] += 1
    return tuple(parts)


def _is_bonus(topology: Topology, account: str) -> bool:
    bucket = topology.bucket(account.partition("/")[2])
    return bucket is not None and bucket.kind == "bonus"
