"""The life of a bet: each state with each command, and the money that each decision moves."""

from typing import cast

import msgspec
import pytest

from tests.wallet_runtime.wallet.domain.examples import (
    PLAYER,
    SPLIT,
    opened,
    pair,
    request,
    state,
    stored,
)
from wallet_runtime.wallet.domain import bets
from wallet_runtime.wallet.domain.decision import Decision
from wallet_runtime.wallet.domain.state import Authorization, Obligation, Player, Share, State

AUTHORIZE = bets.Authorize("mocksports", "SPORTS", "b1", "r1", 60, "EUR")
HELD = {"SPORTS_NORMAL": 50, "WITHDRAWABLE": 50}
NORMAL, WITHDRAWABLE = "RUBY_SPLIT_V1/SPORTS_NORMAL", "RUBY_SPLIT_V1/WITHDRAWABLE"


def _authorized() -> Decision:
    return bets.authorize(request(), AUTHORIZE, state(HELD), SPLIT)


def _bet(**changes: object) -> Authorization:
    record = _authorized().authorization
    assert record is not None
    return stored(record, **changes)


def _legs(decision: Decision) -> dict[str, int]:
    return {leg.account: leg.delta for leg in decision.legs}


def test_authorize_fixes_breakdown_snapshot_and_stake() -> None:
    decision = _authorized()
    assert _legs(decision) == {NORMAL: -50, WITHDRAWABLE: -10, "STAKE": 60}
    bet = _bet()
    assert bet.funding == (Share(NORMAL, 50), Share(WITHDRAWABLE, 10))
    assert bet.policy_snapshot.destinations[NORMAL] == (NORMAL, WITHDRAWABLE)
    assert set(bet.policy_snapshot.reaches) == {NORMAL, WITHDRAWABLE}
    assert decision.starts_new and not decision.refused


@pytest.mark.parametrize(
    ("rolling_active", "expected"),
    [(True, {NORMAL: 84, WITHDRAWABLE: 17}), (False, {WITHDRAWABLE: 101})],
)
def test_settle_pays_the_destinations_of_the_snapshot(
    rolling_active: bool, expected: dict[str, int]
) -> None:
    owed = (
        (Obligation("o", "RUBY_SPLIT_V1", "SPORTS_NORMAL", 1, "ACTIVE", str(PLAYER)),)
        if rolling_active
        else ()
    )
    empty = state({}, authorization=_bet(), obligations=owed)
    decision = bets.settle(request(2), bets.Settle("mocksports", "b1", "1.01"), empty, SPLIT)
    assert _legs(decision) == {"STAKE": -60, "HOUSE": -41, **expected}
    assert [event.event_type for event in decision.events] == ["BET_SETTLED_CONFIRMED"]


def test_a_lost_bet_is_a_real_settlement() -> None:
    decision = bets.settle(
        request(2), bets.Settle("mocksports", "b1", "0"), state({}, authorization=_bet()), SPLIT
    )
    assert _legs(decision) == {"STAKE": -60, "HOUSE": 60}


def test_rollback_of_an_open_bet_restores_exactly_its_sources() -> None:
    decision = bets.rollback(
        request(2), bets.Rollback("mocksports", "b1"), state({}, authorization=_bet()), SPLIT
    )
    assert _legs(decision) == {"STAKE": -60, NORMAL: 50, WITHDRAWABLE: 10}


def test_rollback_of_a_settled_bet_is_whole_or_refused() -> None:
    settled = _bet(
        state="SETTLED", payout=101, payout_shares=({"account": WITHDRAWABLE, "amount": 101},)
    )
    whole = bets.rollback(
        request(2),
        bets.Rollback("mocksports", "b1"),
        state({"WITHDRAWABLE": 101}, authorization=settled),
        SPLIT,
    )
    assert [(leg.account, leg.delta) for leg in whole.legs] == [
        (WITHDRAWABLE, -101),
        ("HOUSE", 41),
        (NORMAL, 50),
        (WITHDRAWABLE, 10),
    ]
    spent = bets.rollback(
        request(2),
        bets.Rollback("mocksports", "b1"),
        state({"WITHDRAWABLE": 100}, authorization=settled),
        SPLIT,
    )
    assert spent.refused and spent.body["code"] == "WINNINGS_SPENT" and not spent.legs


def test_a_settled_bet_is_not_taken_back_into_a_bucket_that_is_gone() -> None:
    settled = _bet(state="SETTLED", payout=0, payout_shares=())
    unified = pair("ruby_unified_v1.1.json")
    refused = bets.rollback(
        request(2), bets.Rollback("mocksports", "b1"), state({}, authorization=settled), unified
    )
    assert refused.refused and refused.body["code"] == "SOURCE_GONE" and not refused.legs


def test_a_rollback_before_its_bet_leaves_a_tombstone_that_refuses_it() -> None:
    decision = bets.rollback(request(), bets.Rollback("mocksports", "b1"), state(HELD), SPLIT)
    assert (
        decision.body["state"] == "TOMBSTONE"
        and not decision.legs
        and decision.authorization is not None
    )
    late = bets.authorize(
        request(2), AUTHORIZE, state(HELD, authorization=stored(opened(decision))), SPLIT
    )
    assert late.status == 409 and late.body["code"] == "BET_ALREADY_ROLLED_BACK"


def test_winnings_that_left_and_came_again_are_spent() -> None:
    settled = _bet(
        state="SETTLED", payout=101, payout_shares=({"account": WITHDRAWABLE, "amount": 101},)
    )
    held = state({"WITHDRAWABLE": 500}, authorization=settled, low_water={WITHDRAWABLE: 100})
    refused = bets.rollback(request(2), bets.Rollback("mocksports", "b1"), held, SPLIT)
    assert refused.body["code"] == "WINNINGS_SPENT" and refused.legs == ()
    assert [(finding.kind, finding.subject) for finding in refused.findings] == [
        ("ROLLBACK_REFUSED", settled.authorization_id)
    ]


def test_two_stakes_on_one_round_are_two_bets() -> None:
    second = bets.Authorize("mocksports", "SPORTS", "b2", "r1", 40, "EUR")
    decision = bets.authorize(request(2), second, state({"WITHDRAWABLE": 40}), SPLIT)
    assert decision.status == 200 and decision.authorization is not None
    assert opened(decision).round_id == _bet().round_id
    assert opened(decision).authorization_id != _authorized().body["authorization_id"]


def test_a_blocked_players_open_bets_end_and_new_ones_are_refused() -> None:
    blocked = msgspec.structs.replace(state(HELD), player=Player("EUR", "blocked", False, 1))
    assert bets.authorize(request(), AUTHORIZE, blocked, SPLIT).body["code"] == "PLAYER_BLOCKED"
    held = msgspec.structs.replace(blocked, authorization=_bet())
    assert (
        bets.settle(request(2), bets.Settle("mocksports", "b1", "1.00"), held, SPLIT).status == 200
    )
    assert bets.rollback(request(2), bets.Rollback("mocksports", "b1"), held, SPLIT).status == 200


@pytest.mark.parametrize(
    ("held", "code"),
    [
        ("AUTHORIZED", "EXISTS"),
        ("SETTLED", "EXISTS"),
        ("ROLLED_BACK", "EXISTS"),
        ("TOMBSTONE", "ROLLED_BACK"),
    ],
)
def test_a_bet_id_is_used_once(held: str, code: str) -> None:
    decision = bets.authorize(
        request(2), AUTHORIZE, state(HELD, authorization=_bet(state=held)), SPLIT
    )
    assert (decision.status, decision.body["code"], decision.legs) == (
        409,
        f"BET_ALREADY_{code}",
        (),
    )


@pytest.mark.parametrize(
    ("held", "payout", "status", "code"),
    [
        ("SETTLED", "1.00", 200, None),
        ("SETTLED", "1.01", 409, "BET_ALREADY_SETTLED"),
        ("SETTLED", "0", 409, "BET_ALREADY_SETTLED"),
        ("ROLLED_BACK", "1.00", 409, "BET_NOT_OPEN"),
        ("TOMBSTONE", "1.00", 409, "BET_NOT_OPEN"),
    ],
)
def test_settle_again(held: str, payout: str, status: int, code: str | None) -> None:
    decision = bets.settle(
        request(2),
        bets.Settle("mocksports", "b1", payout),
        state({}, authorization=_bet(state=held, payout=100)),
        SPLIT,
    )
    assert (
        (decision.status, decision.body.get("code")) == (status, code)
        and not decision.legs
        and decision.authorization is None
    )


@pytest.mark.parametrize("held", ["ROLLED_BACK", "TOMBSTONE"])
def test_rollback_again_changes_nothing(held: str) -> None:
    decision = bets.rollback(
        request(2),
        bets.Rollback("mocksports", "b1"),
        state({}, authorization=_bet(state=held)),
        SPLIT,
    )
    assert decision.status == 200 and not decision.legs and decision.authorization is None


def test_refusals_of_authorize() -> None:
    short = bets.authorize(request(), AUTHORIZE, state({"SPORTS_NORMAL": 59}), SPLIT)
    assert (short.status, short.body["code"], short.body["details"]) == (
        409,
        "INSUFFICIENT_FUNDS",
        {"available": "0.59"},
    )
    twice = bets.authorize(request(2), AUTHORIZE, state(HELD, authorization=_bet()), SPLIT)
    assert twice.body["code"] == "BET_ALREADY_EXISTS"
    rich = bets.Authorize("mocksports", "SPORTS", "b1", "r1", 10_001, "EUR")
    limited = bets.authorize(
        request(), rich, state({"SPORTS_BONUS": 1, "SPORTS_NORMAL": 20_000}), SPLIT
    )
    assert limited.body["code"] == "MAX_BET_UNDER_BONUS"


def test_a_bet_of_another_player_is_not_found() -> None:
    foreign = _bet(player_id="00000000-0000-0000-0000-000000000009")
    with pytest.raises(bets.AuthorizationNotFound):
        bets.settle(
            request(2),
            bets.Settle("mocksports", "b1", "0"),
            state({}, authorization=foreign),
            SPLIT,
        )


def test_every_decision_sums_to_zero() -> None:
    settled = _bet(
        state="SETTLED", payout=101, payout_shares=({"account": WITHDRAWABLE, "amount": 101},)
    )
    decisions = [
        _authorized(),
        bets.settle(
            request(2),
            bets.Settle("mocksports", "b1", "1.01"),
            state({}, authorization=_bet()),
            SPLIT,
        ),
        bets.rollback(
            request(2), bets.Rollback("mocksports", "b1"), state({}, authorization=_bet()), SPLIT
        ),
        bets.rollback(
            request(2),
            bets.Rollback("mocksports", "b1"),
            state({"WITHDRAWABLE": 101}, authorization=settled),
            SPLIT,
        ),
    ]
    assert [sum(leg.delta for leg in decision.legs) for decision in decisions] == [0, 0, 0, 0]


class _Blind:
    """A state that fails the test when a rule reads its cash or obligations."""

    def __init__(self, seen: State) -> None:
        self._seen = seen

    def __getattr__(self, name: str) -> object:
        assert name not in ("cash", "obligations"), (
            f"authorize looked at {name}, which authorize_reads leaves out"
        )
        return getattr(self._seen, name)


@pytest.mark.parametrize("stake", [60, 500])
def test_authorize_decides_without_what_its_read_leaves_out(stake: int) -> None:
    command = msgspec.structs.replace(AUTHORIZE, stake=stake)
    blind = bets.authorize(request(), command, cast(State, _Blind(state(HELD))), SPLIT)
    assert blind == bets.authorize(request(), command, state(HELD), SPLIT)
