"""Decides which bets count as turnover: authorize fixes the rule, settle applies it (SPEC 1.5)."""

from decimal import Decimal

from wallet_runtime.plumbing.errors import Invalid
from wallet_runtime.plumbing.money import InvalidAmount, canonical_amount
from wallet_runtime.wallet.domain.documents import TurnoverRule
from wallet_runtime.wallet.domain.state import Counting, PolicySnapshot

PRICE_MAX = 1_000_000


class PriceInvalid(Invalid):
    """A price is a plain number from 1, such as "1.85"."""

    code = "PRICE_INVALID"


def parse_price(text: str) -> str:
    """Return the canonical text of a price: "1.50" becomes "1.5".

    Raises `PriceInvalid` (422) for anything else than a price.
    """
    try:
        price = canonical_amount(text)
    except InvalidAmount:
        price = ""
    if not price or not 1 <= Decimal(price) <= PRICE_MAX:
        raise PriceInvalid(
            f'a price is a plain number from 1 to {PRICE_MAX} such as "1.85", found {text[:40]!r}'
        )
    return price


def counting(rule: TurnoverRule, price: str | None) -> Counting:
    """Return how a new bet counts as turnover.

    The minimum price does not apply to a bet without a price, because not every game has one.
    """
    if (
        price is not None
        and rule.minimum_price is not None
        and Decimal(price) < Decimal(rule.minimum_price)
    ):
        return "never"
    return "always" if rule.pushes else "unless_push"


def counts(snapshot: PolicySnapshot, stake: int, payout: int) -> bool:
    """Tell whether a settled bet counts as turnover."""
    return snapshot.counts == "always" or (snapshot.counts == "unless_push" and payout != stake)
