"""The rules of points: award, exchange into money at an exact rate, and expiry."""

import msgspec
import pytest

from tests.wallet_runtime.wallet.domain.examples import (
    CASINO,
    POINTS,
    SPLIT,
    SPORTS,
    code,
    legs,
    request,
    state,
)
from wallet_runtime.wallet.domain import points
from wallet_runtime.wallet.domain.documents import PointsTarget
from wallet_runtime.wallet.domain.state import ActivePair
from wallet_runtime.wallet.domain.state import Player as Owner


def test_points_are_awarded_and_expire_in_their_own_currency() -> None:
    award = points.award(request(), points.Points(30, "mission"), state({}), SPLIT)
    assert legs(award) == {"ISSUED": -30, POINTS: 30} and award.starts_new
    expiry = points.expire(request(), points.Points(30, "year"), state({"POINTS": 30}), SPLIT)
    assert legs(expiry) == {POINTS: -30, "EXPIRED": 30} and expiry.body["held"] == "0"
    assert code(
        points.expire(request(), points.Points(31, "year"), state({"POINTS": 30}), SPLIT)
    ) == (409, "INSUFFICIENT_FUNDS")


def test_points_become_money_with_a_rolling() -> None:
    decision = points.transfer(
        request(), points.PointsTransfer(30, "CASINO_NORMAL"), state({"POINTS": 30}), SPLIT
    )
    assert legs(decision) == {POINTS: -30, "REDEEMED": 30, "PROMO": -30, CASINO: 30}
    assert [each.event_type for each in decision.events] == [
        "POINTS_TRANSFERRED",
        "ROLLING_REQUIRED",
    ]
    assert decision.obligations_opened[0].bucket_type_code == "CASINO_NORMAL"


def test_points_are_refused_whole() -> None:
    held = state({"POINTS": 30})
    rate = PointsTarget("SPORTS_NORMAL", {"EUR": 5}, per_points=3)
    odd = ActivePair(msgspec.structs.replace(SPLIT.topology, points_targets=(rate,)), SPLIT.policy)
    exact = points.transfer(request(), points.PointsTransfer(9, "SPORTS_NORMAL"), held, odd)
    assert legs(exact) == {POINTS: -9, "REDEEMED": 9, "PROMO": -15, SPORTS: 15}
    assert code(
        points.transfer(request(), points.PointsTransfer(10, "SPORTS_NORMAL"), held, odd)
    ) == (409, "POINTS_NOT_EXACT")
    krw = msgspec.structs.replace(held, player=Owner("KRW", "active", False, 1))
    assert code(
        points.transfer(request(), points.PointsTransfer(9, "SPORTS_NORMAL"), krw, odd)
    ) == (409, "POINTS_RATE_MISSING")
    assert code(
        points.transfer(request(), points.PointsTransfer(31, "SPORTS_NORMAL"), held, SPLIT)
    ) == (409, "INSUFFICIENT_FUNDS")
    assert code(
        points.transfer(
            request(),
            points.PointsTransfer(1, "SPORTS_NORMAL"),
            msgspec.structs.replace(held, player=Owner("EUR", "blocked", False, 1)),
            SPLIT,
        )
    ) == (409, "PLAYER_BLOCKED")
    for target in ("SPORTS_BONUS", "WITHDRAWABLE", "POINTS", "NOPE"):
        with pytest.raises(points.PointsTargetInvalid):
            points.transfer(request(), points.PointsTransfer(1, target), held, SPLIT)
