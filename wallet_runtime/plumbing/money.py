"""Amounts: decimal strings in major units in JSON, whole minor units inside (SPEC 1.2)."""

import re

from wallet_runtime.contract.money import CURRENCY_EXPONENTS, POINTS_CURRENCY
from wallet_runtime.plumbing.errors import Invalid

# The largest amount of one command. A balance is a bigint, so thousands of such amounts fit.
MINOR_UNITS_MAX = 10**15
_AMOUNT = re.compile(r"(0|[1-9][0-9]{0,18})(?:\.([0-9]{1,18}))?")
_EXPONENTS = {**CURRENCY_EXPONENTS, POINTS_CURRENCY: 0}


class InvalidAmount(Invalid):
    """The amount is not valid."""

    code = "INVALID_AMOUNT"


class InvalidCurrency(Invalid):
    """The currency is not one of the platform's."""

    code = "INVALID_CURRENCY"


def exponent(currency: str) -> int:
    """Return the number of decimal places of a currency, or raise `InvalidCurrency` (422)."""
    try:
        return _EXPONENTS[currency]
    except KeyError:
        raise InvalidCurrency(
            f"currency {currency[:16]!r} is not known; "
            f"known are {', '.join(sorted(CURRENCY_EXPONENTS))}"
        ) from None


def parse_amount(text: str, currency: str, *, zero_allowed: bool = False) -> int:
    """Convert an amount such as "12.50" to minor units.

    Raises `InvalidAmount` (422) for signs, exponents, too many places or a too large number. Zero
    is invalid, too, unless `zero_allowed`: a bet may be settled with a payout of zero.
    """
    places = exponent(currency)
    whole, fraction = _parts(text)
    if len(fraction) > places:
        raise InvalidAmount(
            f"{currency} has {places} decimal places, found {len(fraction)} in {text!r}"
        )
    minor = int(whole + fraction.ljust(places, "0"))
    if minor > MINOR_UNITS_MAX:
        raise InvalidAmount(f"amount {text} is larger than the platform can hold")
    if minor == 0 and not zero_allowed:
        raise InvalidAmount("amount must be more than zero")
    return minor


def canonical_amount(text: str) -> str:
    """Return an amount without trailing zeros, so that "10", "10.0" and "10.00" become equal.

    It needs no currency. Raises `InvalidAmount` (422).
    """
    whole, fraction = _parts(text)
    shortest = fraction.rstrip("0")
    return f"{whole}.{shortest}" if shortest else whole


def _parts(text: str) -> tuple[str, str]:
    """Split an amount into the digits before and after its point."""
    match = _AMOUNT.fullmatch(text)
    if match is None:
        raise InvalidAmount(f'amount must be plain digits such as "12.50", found {text[:40]!r}')
    return match[1], match[2] or ""


def format_amount(minor: int, currency: str) -> str:
    """Convert minor units to a string with the currency's decimal places: 1250 EUR is "12.50"."""
    places = exponent(currency)
    sign, digits = ("-" if minor < 0 else ""), str(abs(minor)).rjust(places + 1, "0")
    return f"{sign}{digits[:-places]}.{digits[-places:]}" if places else f"{sign}{digits}"
