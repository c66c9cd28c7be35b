"""The arithmetic of funding a stake and splitting a payout: examples and properties."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wallet_runtime.wallet.domain.examples import SPLIT, state
from wallet_runtime.wallet.domain.documents import FundingRule
from wallet_runtime.wallet.domain.funding import (
    NotEnough,
    SourceNotAllowed,
    fund,
    over_bonus_limit,
    split_payout,
)
from wallet_runtime.wallet.domain.state import Share

RULE = FundingRule("combined", ("SPORTS_BONUS", "SPORTS_NORMAL"), "last", {"EUR": "1.00"})
BALANCES = {"SPORTS_BONUS": 30, "SPORTS_NORMAL": 50, "WITHDRAWABLE": 100}


@pytest.mark.parametrize(
    ("withdrawable", "stake", "expected"),
    [
        ("last", 20, {"SPORTS_BONUS": 20}),
        ("last", 90, {"SPORTS_BONUS": 30, "SPORTS_NORMAL": 50, "WITHDRAWABLE": 10}),
        ("first", 110, {"WITHDRAWABLE": 100, "SPORTS_BONUS": 10}),
        ("not_usable", 80, {"SPORTS_BONUS": 30, "SPORTS_NORMAL": 50}),
    ],
)
def test_combined_takes_sources_in_order(
    withdrawable: str, stake: int, expected: dict[str, int]
) -> None:
    rule = FundingRule("combined", RULE.sources, withdrawable)  # type: ignore[arg-type]
    shares = fund(SPLIT.topology, rule, state(BALANCES), stake, None)
    assert {
        share.account.removeprefix("RUBY_SPLIT_V1/"): share.amount for share in shares
    } == expected


def test_a_stake_beyond_the_sources_says_what_they_hold() -> None:
    with pytest.raises(NotEnough) as error:
        fund(
            SPLIT.topology,
            FundingRule("combined", RULE.sources, "not_usable"),
            state(BALANCES),
            81,
            None,
        )
    assert error.value.available == 80


def test_selection_is_never_topped_up_and_combined_takes_no_name() -> None:
    selection = FundingRule("selection", RULE.sources, "last")
    assert fund(SPLIT.topology, selection, state(BALANCES), 50, "SPORTS_NORMAL") == (
        Share("RUBY_SPLIT_V1/SPORTS_NORMAL", 50),
    )
    with pytest.raises(NotEnough):
        fund(SPLIT.topology, selection, state(BALANCES), 51, "SPORTS_NORMAL")
    for rule, source in ((selection, None), (selection, "POINTS"), (RULE, "SPORTS_NORMAL")):
        with pytest.raises(SourceNotAllowed):
            fund(SPLIT.topology, rule, state(BALANCES), 1, source)


def test_bonus_limit_counts_only_with_a_bonus_share() -> None:
    bonus, normal = (
        Share("RUBY_SPLIT_V1/SPORTS_BONUS", 1),
        Share("RUBY_SPLIT_V1/SPORTS_NORMAL", 200),
    )
    assert over_bonus_limit(SPLIT.topology, RULE, (bonus, normal), 201, "EUR") == 100
    assert over_bonus_limit(SPLIT.topology, RULE, (normal,), 200, "EUR") is None
    assert over_bonus_limit(SPLIT.topology, RULE, (bonus, normal), 201, "TRY") is None


@given(st.lists(st.integers(1, 10**12), min_size=1, max_size=6), st.integers(0, 10**13))
def test_a_split_loses_nothing_and_is_fair_to_a_unit(amounts: list[int], payout: int) -> None:
    shares = tuple(Share(f"T/{index}", amount) for index, amount in enumerate(amounts))
    parts = split_payout(payout, shares)
    assert sum(parts) == payout
    assert all(
        abs(part * sum(amounts) - payout * amount) < sum(amounts)
        for part, amount in zip(parts, amounts, strict=True)
    )
    assert parts == split_payout(payout, shares)


def test_a_tie_goes_to_the_earlier_share() -> None:
    assert split_payout(1, (Share("T/A", 5), Share("T/B", 5))) == (1, 0)
