"""Validates a policy's rules of rollings, coupons, turnover and wins."""

from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation

import msgspec

from wallet_runtime.contract.money import CURRENCY_EXPONENTS
from wallet_runtime.contract.providers import PROVIDER_TYPES
from wallet_runtime.plumbing.errors import Invalid
from wallet_runtime.plumbing.money import parse_amount
from wallet_runtime.wallet.domain.documents import GRANT, NO_LIMIT, Policy, RollingRule, Topology
from wallet_runtime.wallet.domain.turnover import PriceInvalid, parse_price
from wallet_runtime.wallet.domain.violations import Violation


def rolling_rules(topology: Topology, policy: Policy) -> Iterator[Violation]:
    """Yield violations in the multipliers of rollings."""
    for reason in msgspec.structs.fields(RollingRule):
        for code, multiplier in getattr(policy.rolling, reason.name).items():
            path = f"policy.rolling.{reason.name}.{code}"
            if topology.bucket(code) is None:
                message = f"{code!r} is not a bucket of {topology.code} version {topology.version}"
                yield Violation("A7-1", path, message)
            yield from _multiplier(path, multiplier)


def coupons_rules(topology: Topology, policy: Policy) -> Iterator[Violation]:
    """Yield violations in the winnings, rollings and caps of coupons."""
    for provider_type, destination in policy.coupons.winnings.items():
        path = f"policy.coupons.winnings.{provider_type}"
        if provider_type not in PROVIDER_TYPES:
            yield _no_provider_type(path, provider_type)
        yield from _coupon_winnings(topology, f"{path}.before", destination.before)
        yield from _coupon_winnings(topology, f"{path}.after", destination.after)
    for scope, multiple in policy.coupons.rolling.items():
        yield from _multiplier(f"policy.coupons.rolling.{scope}", multiple)
    for scope, multiple in policy.coupons.release_cap.items():
        yield from _multiplier(f"policy.coupons.release_cap.{scope}", multiple)


def _coupon_winnings(topology: Topology, path: str, target: str) -> Iterator[Violation]:
    bucket = topology.bucket(target)
    if target != GRANT and (bucket is None or bucket.kind != "normal"):
        message = (
            f"winnings of a coupon stay in it ({GRANT}) or go to a normal bucket, not to {target!r}"
        )
        yield Violation("A7-5", path, message)


def turnover_rules(policy: Policy) -> Iterator[Violation]:
    """Yield violations in the rule of turnover."""
    price = policy.turnover.minimum_price
    if price is None:
        return
    try:
        parse_price(price)
    except PriceInvalid as error:
        yield Violation("A7-1", "policy.turnover.minimum_price", error.message)


def wins_rules(topology: Topology, policy: Policy) -> Iterator[Violation]:
    """Yield violations in the rules of wins."""
    for provider_type, code in policy.wins.winnings_of.items():
        path = f"policy.wins.winnings_of.{provider_type}"
        if provider_type not in PROVIDER_TYPES:
            yield _no_provider_type(path, provider_type)
        else:
            yield from _win_source(topology, provider_type, code, path)
    yield from amount_rules("policy.wins.further_max", policy.wins.further_max)


def _win_source(
    topology: Topology, provider_type: str, code: str, path: str
) -> Iterator[Violation]:
    bucket = topology.bucket(code)
    if bucket is None or bucket.kind not in ("normal", "bonus"):
        message = "wins without a stake count as winnings of a normal or bonus bucket"
        yield Violation("A7-5", path, f"{message}, not of {code!r}")
    elif provider_type not in bucket.provider_types:
        message = f"bucket {code} does not serve provider type {provider_type}"
        yield Violation("A7-5", path, message)


def _no_provider_type(path: str, found: str) -> Violation:
    message = f"{found!r} is not a provider type; known are {', '.join(PROVIDER_TYPES)}"
    return Violation("A7-3", path, message)


def _multiplier(path: str, found: str) -> Iterator[Violation]:
    if not _is_multiplier(found):
        message = f'a multiplier is a plain number from 0 to 1000 such as "2.5", found {found!r}'
        yield Violation("A7-1", path, message)


def _is_multiplier(text: str) -> bool:
    try:
        value = Decimal(text)
    except InvalidOperation:
        return False
    return value.is_finite() and 0 <= value <= 1000 and text.isascii() and text == text.strip()


def amount_rules(path: str, limits: Mapping[str, str]) -> Iterator[Violation]:
    """Yield a violation for each limit that is neither an amount nor `none`."""
    for currency, amount in limits.items():
        if currency in CURRENCY_EXPONENTS and amount == NO_LIMIT:
            continue
        try:
            parse_amount(amount, currency)
        except Invalid as error:
            yield Violation("A7-3", f"{path}.{currency}", error.message)
