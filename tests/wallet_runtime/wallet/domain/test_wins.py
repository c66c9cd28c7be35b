"""The destination of a further win, and the rules for wins in a policy and a topology."""

from typing import Any

import msgspec
import pytest

from tests.wallet_runtime.wallet.domain.examples import PLAYER, SPLIT, pair, request, state, stored
from wallet_runtime.wallet.domain import bets, wins
from wallet_runtime.wallet.domain.documents import WinRule
from wallet_runtime.wallet.domain.state import ActivePair, Authorization, Obligation

NORMAL, WITHDRAWABLE = "RUBY_SPLIT_V1/SPORTS_NORMAL", "RUBY_SPLIT_V1/WITHDRAWABLE"
OWED = (Obligation("o", "RUBY_SPLIT_V1", "SPORTS_NORMAL", 1, "ACTIVE", str(PLAYER)),)


def settled() -> Authorization:
    """Return a lost bet of 0.60, of which SPORTS_NORMAL paid 0.50."""
    command = bets.Authorize("mocksports", "SPORTS", "b1", "r1", 60, "EUR")
    record: Any = bets.authorize(
        request(), command, state({"SPORTS_NORMAL": 50, "WITHDRAWABLE": 50}), SPLIT
    ).authorization
    return stored(record, state="SETTLED", payout=0, payout_shares=())


def win(given: ActivePair = SPLIT, amount: int = 101, **held: Any) -> Any:
    command = wins.Pay("mocksports", "SPORTS", "t1", amount, "EUR", bet_id="b1", round_id="r1")
    return wins.pay(request(2), command, state({}, authorization=settled(), **held), given)


@pytest.mark.parametrize(
    ("held", "expected"),
    [
        ({"obligations": OWED}, {NORMAL: 84, WITHDRAWABLE: 17}),
        ({"locked": {NORMAL: 50}}, {WITHDRAWABLE: 101}),
        ({}, {WITHDRAWABLE: 101}),
    ],
)
def test_a_further_win_goes_where_the_bets_winnings_go_by_largest_remainder(
    held: dict[str, Any], expected: dict[str, int]
) -> None:
    decision = win(**held)
    assert {leg.account: leg.delta for leg in decision.legs} == {"HOUSE": -101, **expected}
    assert not decision.locks and not decision.starts_new
    assert {share.account: share.amount for share in decision.win.shares} == expected


def test_a_policy_that_names_no_bound_offers_no_further_win_and_none_is_no_bound() -> None:
    def under(rule: WinRule) -> str:
        decision = win(
            ActivePair(SPLIT.topology, msgspec.structs.replace(SPLIT.policy, wins=rule)),
            amount=10**12,
        )
        return str(decision.body.get("code", decision.body.get("state")))

    assert under(WinRule()) == under(WinRule(further_max={"KRW": "none"})) == "WIN_NOT_OFFERED"
    assert under(WinRule(further_max={"EUR": "100.00"})) == "WIN_LIMIT"
    assert under(WinRule(further_max={"EUR": "none"})) == "PAID"


def test_a_win_is_not_paid_into_a_bucket_that_is_gone() -> None:
    decision = win(pair("ruby_unified_v1.1.json"))
    assert (decision.status, decision.body["code"], decision.legs) == (409, "DESTINATION_GONE", ())
