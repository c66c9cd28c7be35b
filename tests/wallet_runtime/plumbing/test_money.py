"""Amounts on the wire and in minor units (SPEC 1.2)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wallet_runtime.contract.money import CURRENCY_EXPONENTS
from wallet_runtime.plumbing.errors import Invalid
from wallet_runtime.plumbing.money import (
    MINOR_UNITS_MAX,
    InvalidAmount,
    InvalidCurrency,
    format_amount,
    parse_amount,
)


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("12.50", "EUR", 1250),
        ("12.5", "EUR", 1250),
        ("12", "EUR", 1200),
        ("0.01", "EUR", 1),
        ("700", "KRW", 700),
        ("0.00000001", "BTC", 1),
    ],
)
def test_an_amount_becomes_minor_units(text: str, currency: str, minor: int) -> None:
    assert parse_amount(text, currency) == minor


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0",
        "0.00",
        "-1",
        "+1",
        "1.234",
        "1e3",
        "1_000",
        "١٢",
        "12,5",
        ".5",
        "5.",
        " 1",
        "1\n",
        "NaN",
        "Infinity",
        "01",
        "9" * 30,
        "1" * 5000,
    ]
    + ["10000000000000.01"],
)
def test_what_is_not_an_amount_is_refused(text: str) -> None:
    with pytest.raises(InvalidAmount):
        parse_amount(text, "EUR")


def test_the_largest_amount_and_zero_where_it_is_allowed() -> None:
    assert parse_amount("10000000000000.00", "EUR") == MINOR_UNITS_MAX
    assert parse_amount("0.00", "EUR", zero_allowed=True) == 0


def test_an_unknown_currency_is_refused() -> None:
    with pytest.raises(InvalidCurrency, match="known are BTC, EUR, KRW, TRY, USD"):
        parse_amount("1", "eur")


@given(
    st.integers(-MINOR_UNITS_MAX, MINOR_UNITS_MAX),
    st.sampled_from(sorted(CURRENCY_EXPONENTS)),
)
def test_writing_and_reading_give_the_same_amount(minor: int, currency: str) -> None:
    text = format_amount(minor, currency)
    assert (-1 if minor < 0 else 1) * parse_amount(
        text.removeprefix("-"), currency, zero_allowed=True
    ) == minor


@given(st.text(), st.sampled_from(sorted(CURRENCY_EXPONENTS)))
def test_no_text_breaks_the_parser(text: str, currency: str) -> None:
    try:
        assert 0 < parse_amount(text, currency) <= MINOR_UNITS_MAX
    except Invalid as refusal:
        assert refusal.status == 422
