"""The rules of bonuses and of their rollings: issue, reversal, expiry, release and close."""

from typing import Any

import msgspec
import pytest

from tests.wallet_runtime.wallet.domain.examples import (
    BONUS,
    PLAYER,
    SPLIT,
    WITHDRAWABLE,
    code,
    legs,
    owed,
    plain,
    request,
    state,
)
from wallet_runtime.plumbing.errors import ApiError
from wallet_runtime.wallet.domain import bonus, rolling
from wallet_runtime.wallet.domain.obligations import pass_on
from wallet_runtime.wallet.domain.records import ObligationClosed
from wallet_runtime.wallet.domain.state import ActivePair, Bonus

# --- bonuses


def issued(**more: Any) -> Bonus:
    given: dict[str, Any] = {"state": "ISSUED", "rolling_id": "r", "low_water": 100} | more
    return Bonus("b", str(PLAYER), "RUBY_SPLIT_V1", "SPORTS_BONUS", "EUR", 100, "campaign", **given)


def test_a_bonus_comes_with_its_rolling_and_its_cap() -> None:
    decision = bonus.issue(
        request(), bonus.Issue("SPORTS_BONUS", 100, "EUR", "campaign", 300), state({}), SPLIT
    )
    assert legs(decision) == {"PROMO": -100, BONUS: 100}
    assert plain(decision.events[0].payload)["required_turnover"] == "1000"
    assert decision.obligations_opened[0].cap == 300
    assert (
        decision.bonus is not None
        and plain(decision.bonus)["rolling_id"] == decision.obligations_opened[0].rolling_id
    )
    capped = msgspec.structs.replace(SPLIT.policy.rolling, bonus_cap={"SPORTS_BONUS": "2.5"})
    by_policy = ActivePair(SPLIT.topology, msgspec.structs.replace(SPLIT.policy, rolling=capped))
    again = bonus.issue(
        request(), bonus.Issue("SPORTS_BONUS", 101, "EUR", "campaign", 300), state({}), by_policy
    )
    assert again.obligations_opened[0].cap == 252
    with pytest.raises(ApiError) as wrong:
        bonus.issue(request(), bonus.Issue("SPORTS_NORMAL", 1, "EUR", "campaign"), state({}), SPLIT)
    assert wrong.value.status == 422


def test_a_bonus_is_reversed_whole() -> None:
    held = state({"SPORTS_BONUS": 130}, bonus=issued(), obligations=(owed("r", "SPORTS_BONUS"),))
    decision = bonus.reverse(request(), bonus.End("b"), held, SPLIT)
    assert legs(decision) == {BONUS: -100, "PROMO": 100}
    assert decision.obligations_closed == (ObligationClosed("r", "CANCELED"),)
    assert [each.event_type for each in decision.events] == ["ROLLING_REVOKED"]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"bonus": issued(low_water=99)}, "BONUS_SPENT"),
        ({"bonus": issued(low_water=None)}, "BONUS_SPENT"),
        ({"bonus": issued(), "obligations": (owed("r", "CASINO_BONUS"),)}, "BONUS_SPENT"),
        ({"bonus": issued(), "staked": {BONUS: 1}}, "OPEN_STAKES"),
        ({"bonus": issued(state="COMPLETED")}, "BONUS_NOT_OPEN"),
        ({"bonus": issued(state="EXPIRED")}, "BONUS_NOT_OPEN"),
    ],
)
def test_a_bonus_that_is_not_whole_is_not_reversed(given: dict[str, Any], expected: str) -> None:
    assert code(
        bonus.reverse(request(), bonus.End("b"), state({"SPORTS_BONUS": 500}, **given), SPLIT)
    ) == (409, expected)


def test_expiry_takes_what_is_left() -> None:
    alone = bonus.expire(
        request(), bonus.End("b"), state({"SPORTS_BONUS": 130}, bonus=issued(low_water=20)), SPLIT
    )
    assert legs(alone) == {BONUS: -130, "PROMO": 130}
    shared = state(
        {"SPORTS_BONUS": 130},
        bonus=issued(low_water=20),
        obligations=(owed("r", "SPORTS_BONUS"), owed("s", "SPORTS_BONUS")),
    )
    assert legs(bonus.expire(request(), bonus.End("b"), shared, SPLIT)) == {
        BONUS: -100,
        "PROMO": 100,
    }
    spent = bonus.expire(request(), bonus.End("b"), state({}, bonus=issued(low_water=0)), SPLIT)
    assert legs(spent) == {} and spent.bonus is not None
    again = bonus.expire(
        request(2), bonus.End("b"), state({"SPORTS_BONUS": 5}, bonus=issued(state="EXPIRED")), SPLIT
    )
    assert (again.status, again.legs, again.bonus) == (200, (), None)
    waited = state(
        {"SPORTS_BONUS": 200},
        bonus=issued(),
        obligations=(owed("r", "SPORTS_BONUS", earned=100, cap=90),),
    )
    last = bonus.expire(request(), bonus.End("b"), waited, SPLIT)
    moved = [(leg.account, leg.delta) for leg in last.legs]
    assert moved == [
        (BONUS, -100),
        (WITHDRAWABLE, 90),
        ("PROMO", 10),
        (BONUS, -100),
        ("PROMO", 100),
    ]
    assert (last.body["released"], last.body["taken_back"]) == ("0.90", "1.00") and last.transfers[
        0
    ].amount == 90
    with pytest.raises(bonus.BonusNotFound):
        bonus.expire(request(), bonus.End("b"), state({}), SPLIT)


# --- release and close


def test_what_exceeds_the_cap_goes_back_to_promo() -> None:
    due = owed("r", "SPORTS_BONUS", cap=100)
    decision = rolling.complete(
        request(),
        rolling.Complete("r"),
        state({"SPORTS_BONUS": 130}, rolling=due, obligations=(due,)),
        SPLIT,
    )
    assert legs(decision) == {BONUS: -130, WITHDRAWABLE: 100, "PROMO": 30}
    assert decision.body["released"] == "1.00" and decision.transfers[0].amount == 100


def test_caps_of_one_release_add_up_and_one_without_lifts_them_all() -> None:
    one = {"rolling_id": "b", "earned": 100}
    assert plain(pass_on(owed("a", cap=10), (owed("b", cap=5), owed("c", cap=1)))) == [
        one | {"cap": 15},
    ]
    assert plain(pass_on(owed("a", cap=10), (owed("c", cap=1), owed("b", cap=5)))) == [
        one | {"cap": 15},
    ], "in any order"
    assert plain(pass_on(owed("a"), (owed("b", cap=5), owed("c")))) == [one | {"cap": None}]
    assert plain(pass_on(owed("a", cap=10), (owed("b"),))) == [one]
    due = owed("a", cap=10)
    held = state({"SPORTS_NORMAL": 130}, rolling=due, obligations=(due, owed("b", cap=5)))
    decision = rolling.complete(request(), rolling.Complete("a"), held, SPLIT)
    assert not decision.legs and plain(decision.obligations_changed) == [
        {"rolling_id": "b", "earned": 100, "cap": 15},
    ]


def test_a_closed_rolling_takes_a_bonus_back_and_leaves_other_money() -> None:
    due, other = owed("r", "SPORTS_BONUS"), owed("s", "SPORTS_BONUS")
    close = rolling.Close("r", "EXPIRED")
    alone = state({"SPORTS_BONUS": 130}, rolling=due, obligations=(due,))
    assert legs(rolling.close(request(), close, alone, SPLIT)) == {BONUS: -130, "PROMO": 130}
    assert (
        legs(
            rolling.close(
                request(), close, msgspec.structs.replace(alone, obligations=(due, other)), SPLIT
            )
        )
        == {}
    )
    assert code(
        rolling.close(request(), close, msgspec.structs.replace(alone, staked={BONUS: 1}), SPLIT)
    ) == (409, "OPEN_STAKES")
    normal = owed("r")
    kept = rolling.close(
        request(), close, state({"SPORTS_NORMAL": 5}, rolling=normal, obligations=(normal,)), SPLIT
    )
    assert not kept.legs and kept.obligations_closed == (ObligationClosed("r", "EXPIRED"),)
    done = state({}, rolling=owed("r", state="COMPLETED"))
    assert code(rolling.close(request(), close, done, SPLIT)) == (409, "ROLLING_ALREADY_COMPLETED")
    again = rolling.close(request(), close, state({}, rolling=owed("r", state="CANCELED")), SPLIT)
    assert (again.status, again.body["state"], again.obligations_closed) == (200, "CANCELED", ())
