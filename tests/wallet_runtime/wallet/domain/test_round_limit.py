"""The bet limit under bonus counts all open stakes of a round together (SPEC 1.3)."""

import pytest

from tests.wallet_runtime.wallet.domain.examples import SPLIT, request, state
from wallet_runtime.wallet.domain import bets
from wallet_runtime.wallet.domain.reads import ReadMore, Reads

BONUS, NORMAL = "RUBY_SPLIT_V1/SPORTS_BONUS", "RUBY_SPLIT_V1/SPORTS_NORMAL"
RICH = {"SPORTS_BONUS": 20_000, "SPORTS_NORMAL": 20_000}
SPENT = {"SPORTS_BONUS": 0, "SPORTS_NORMAL": 20_000}
LIMIT = 10_000  # the seed's limit, in cents


def answer(held: dict[str, int], stake: int, round: dict[str, int] | None) -> str:
    """Bet in a round that has open stakes, by account; return the refusal's code or "accepted"."""
    command = bets.Authorize("mocksports", "SPORTS", "b2", "r1", stake, "EUR")
    decision = bets.authorize(request(), command, state(held, round=round), SPLIT)
    return str(decision.body.get("code", "accepted"))


@pytest.mark.parametrize(
    ("held", "round", "stake", "expected"),
    [
        (RICH, {}, LIMIT, "accepted"),
        (RICH, {}, LIMIT + 1, "MAX_BET_UNDER_BONUS"),
        (RICH, {BONUS: 6_000}, LIMIT - 6_000, "accepted"),
        (RICH, {BONUS: 6_000}, LIMIT - 5_999, "MAX_BET_UNDER_BONUS"),
        (RICH, {BONUS: 5_000, NORMAL: 5_000}, 1, "MAX_BET_UNDER_BONUS"),
        # Once bonus money pays a part of the round, the player's own money counts too, in either
        # order.
        (RICH, {NORMAL: LIMIT}, 1, "MAX_BET_UNDER_BONUS"),
        (SPENT, {BONUS: 1}, LIMIT, "MAX_BET_UNDER_BONUS"),
        (SPENT, {BONUS: 1}, LIMIT - 1, "accepted"),
        (SPENT, {"GRANT/g1": LIMIT}, 1, "MAX_BET_UNDER_BONUS"),
        # A round without bonus money has no limit.
        (SPENT, {NORMAL: LIMIT}, LIMIT, "accepted"),
    ],
)
def test_the_open_stakes_of_a_round_count_together(
    held: dict[str, int], round: dict[str, int], stake: int, expected: str
) -> None:
    assert answer(held, stake, round) == expected


def test_a_coupon_that_has_ended_may_still_lie_in_a_round() -> None:
    command = bets.Authorize("mocksports", "SPORTS", "b2", "r1", 1, "EUR")
    held = state({"SPORTS_NORMAL": 20_000}, had_grants=True, round={"GRANT/ended": LIMIT})
    assert bets.authorize(request(), command, held, SPLIT).body["code"] == "MAX_BET_UNDER_BONUS"


def test_only_a_player_who_can_have_bonus_money_pays_for_the_look() -> None:
    assert answer({"SPORTS_NORMAL": 20_000}, 20_000, None) == "accepted"
    with pytest.raises(ReadMore) as more:
        answer(SPENT, 1, None)
    assert more.value.reads == Reads(round_id="r1")
