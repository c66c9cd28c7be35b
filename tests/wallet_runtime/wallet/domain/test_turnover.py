"""The bets that count as turnover.

The policy at authorization decides this. Later policies do not change it.
"""

from typing import Any

import msgspec
import pytest

from tests.wallet_runtime.wallet.domain.examples import SPLIT, plain, request, state, stored
from wallet_runtime.wallet.domain import bets, turnover
from wallet_runtime.wallet.domain.documents import TurnoverRule
from wallet_runtime.wallet.domain.state import ActivePair

OLD = ActivePair(SPLIT.topology, msgspec.structs.replace(SPLIT.policy, turnover=TurnoverRule()))
PRICED = ActivePair(
    SPLIT.topology,
    msgspec.structs.replace(SPLIT.policy, turnover=TurnoverRule(pushes=True, minimum_price="1.5")),
)


def counted(pair: ActivePair, payout: str, price: str | None = None) -> tuple[bool, str]:
    """Bet 1.00 under this pair and settle the bet under the seed's pair.

    Return whether the event counts the bet, and the rule fixed at authorization.
    """
    command = bets.Authorize("mocksports", "SPORTS", "b1", "r1", 100, "EUR", price)
    record: Any = bets.authorize(
        request(), command, state({"SPORTS_NORMAL": 100}), pair
    ).authorization
    bet = stored(record)
    settled = bets.settle(
        request(2), bets.Settle("mocksports", "b1", payout), state({}, authorization=bet), SPLIT
    )
    return plain(settled.events[0].payload)["counts"], bet.policy_snapshot.counts


def test_the_seeds_leave_pushes_out() -> None:
    assert counted(SPLIT, "1.00") == (False, "unless_push")
    for payout in ("0", "0.99", "1.01"):
        assert counted(SPLIT, payout) == (True, "unless_push")


def test_a_policy_that_says_nothing_counts_every_bet_that_was_authorized_under_it() -> None:
    assert counted(OLD, "1.00") == (True, "always")


@pytest.mark.parametrize(
    ("price", "counts"),
    [("1.49", False), ("1.5", True), ("1.50", True), ("1.51", True), (None, True)],
)
def test_a_bet_below_the_least_price_counts_nothing(price: str | None, counts: bool) -> None:
    for payout in ("0", "1.00", "2.00"):
        assert counted(PRICED, payout, price) == (counts, "always" if counts else "never")


def test_a_price_has_one_spelling_and_nothing_else_is_one() -> None:
    assert {turnover.parse_price(text) for text in ("1.5", "1.50", "1.500")} == {"1.5"}
    for text in ("", "0.99", "1,5", "1e2", "-1", "+2", "1/2", "1000001", "NaN"):
        with pytest.raises(turnover.PriceInvalid):
            turnover.parse_price(text)
