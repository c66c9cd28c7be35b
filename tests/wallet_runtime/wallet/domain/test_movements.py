"""The rules of transfers, adjustments and withdrawals.

Each test compares the legs of a decision with the amounts that must move.
"""

from typing import Any

import msgspec
import pytest

from tests.wallet_runtime.serving import a_person
from tests.wallet_runtime.wallet.domain.examples import (
    CASINO,
    PLAYER,
    SPLIT,
    SPORTS,
    code,
    legs,
    owed,
    pair,
    plain,
    request,
    state,
)
from wallet_runtime.plumbing.errors import ApiError
from wallet_runtime.wallet.domain import adjustments, cash, transfers
from wallet_runtime.wallet.domain.documents import TransferEdge
from wallet_runtime.wallet.domain.state import ActivePair, Adjustment, Cash, CashTransaction, State
from wallet_runtime.wallet.domain.state import Player as Owner

UNIFIED = pair("ruby_unified_v1.1.json")
TO_CASINO = transfers.Transfer("SPORTS_NORMAL", "CASINO_NORMAL", 40, "EUR")


def blocked(given: State) -> State:
    return msgspec.structs.replace(given, player=Owner("EUR", "blocked", False, 1))


# --- transfers


def test_a_part_of_the_balance_takes_a_part_of_each_rolling_along() -> None:
    decision = transfers.transfer(
        request(),
        TO_CASINO,
        state({"SPORTS_NORMAL": 100}, obligations=(owed("a", cap=7), owed("b"))),
        SPLIT,
    )
    assert legs(decision) == {SPORTS: -40, CASINO: 40}
    (completed,) = decision.events
    carried = plain(completed.payload)["rollings"]
    assert completed.event_type == "TRANSFER_COMPLETED"
    assert (plain(completed.payload)["amount"], plain(completed.payload)["balance"]) == (
        "40",
        "100",
    )
    assert [each["rolling_id"] for each in carried] == ["a", "b"]
    assert [each["becomes"] for each in carried] == [
        each.rolling_id for each in decision.obligations_opened
    ]
    assert [(each.bucket_type_code, each.cap) for each in decision.obligations_opened] == [
        ("CASINO_NORMAL", 2),
        ("CASINO_NORMAL", None),
    ]
    assert [(each.amount, each.earned) for each in decision.obligations_opened] == [
        (40, 0),
        (40, 0),
    ]
    assert plain(decision.obligations_changed) == [
        {"rolling_id": "a", "amount": 60, "earned": 0, "cap": 5},
        {"rolling_id": "b", "amount": 60, "earned": 0, "cap": None},
    ]
    again = transfers.transfer(
        request(),
        TO_CASINO,
        state({"SPORTS_NORMAL": 100}, obligations=(owed("a", cap=7), owed("b"))),
        SPLIT,
    )
    assert again == decision


def test_the_whole_balance_takes_the_rollings_themselves_along() -> None:
    decision = transfers.transfer(
        request(),
        TO_CASINO,
        state({"SPORTS_NORMAL": 40}, obligations=(owed("a"), owed("c", "CASINO_NORMAL"))),
        SPLIT,
    )
    assert plain(decision.obligations_changed) == [
        {"rolling_id": "a", "bucket_type_code": "CASINO_NORMAL"},
    ]
    assert (
        plain(decision.events[0].payload)["rollings"] == [{"rolling_id": "a", "becomes": "a"}]
        and not decision.obligations_opened
    )


def edged(rolling_mode: str, **ends: str) -> ActivePair:
    ends = {"from_bucket": "SPORTS_NORMAL", "to_bucket": "CASINO_NORMAL"} | ends
    edge = TransferEdge(active=True, rolling=rolling_mode, **ends)  # type: ignore[arg-type]
    policy_rolling = msgspec.structs.replace(
        SPLIT.policy.rolling, transfer={"CASINO_NORMAL": "2.5"}
    )
    return ActivePair(
        msgspec.structs.replace(SPLIT.topology, transfer_edges=(edge,)),
        msgspec.structs.replace(SPLIT.policy, rolling=policy_rolling),
    )


def test_a_generating_edge_asks_for_turnover_beside_what_comes_along() -> None:
    decision = transfers.transfer(
        request(),
        TO_CASINO,
        state({"SPORTS_NORMAL": 100}, obligations=(owed("a"),)),
        edged("generate"),
    )
    completed, required = decision.events
    (carried,) = plain(completed.payload)["rollings"]
    assert (
        required.event_type,
        plain(required.payload)["required_turnover"],
        plain(required.payload)["reason"],
    ) == (
        "ROLLING_REQUIRED",
        "100",
        "transfer",
    )
    assert plain(required.payload)["beside"] == [carried["becomes"]]
    assert len(decision.obligations_opened) == 2
    free = transfers.transfer(
        request(), TO_CASINO, state({"SPORTS_NORMAL": 100}), edged("generate")
    )
    assert plain(free.events[1].payload)["beside"] == [] and len(free.obligations_opened) == 1


def test_a_transfer_is_refused_whole() -> None:
    held = state({"SPORTS_NORMAL": 100, "POINTS": 9}, obligations=(owed("a"),), staked={SPORTS: 1})
    assert code(transfers.transfer(request(), TO_CASINO, held, SPLIT)) == (409, "OPEN_STAKES")
    assert code(transfers.transfer(request(), TO_CASINO, state({"SPORTS_NORMAL": 39}), SPLIT)) == (
        409,
        "INSUFFICIENT_FUNDS",
    )
    assert code(transfers.transfer(request(), TO_CASINO, blocked(held), SPLIT)) == (
        409,
        "PLAYER_BLOCKED",
    )
    for ends in (
        ("SPORTS_NORMAL", "WITHDRAWABLE"),
        ("WITHDRAWABLE", "SPORTS_NORMAL"),
        ("POINTS", "SPORTS_NORMAL"),
    ):
        assert code(
            transfers.transfer(request(), transfers.Transfer(*ends, 1, "EUR"), held, SPLIT)
        ) == (409, "TRANSFER_NOT_ALLOWED")
    with pytest.raises(ApiError) as unknown:
        transfers.transfer(
            request(), transfers.Transfer("NOPE", "SPORTS_NORMAL", 1, "EUR"), held, SPLIT
        )
    assert (unknown.value.status, unknown.value.code) == (422, "BUCKET_INVALID")


@pytest.mark.parametrize(
    "ends", [{"to_bucket": "WITHDRAWABLE"}, {"from_bucket": "POINTS"}, {"to_bucket": "POINTS"}]
)
def test_no_edge_leads_to_withdrawable_or_joins_points(ends: dict[str, str]) -> None:
    active = edged("inherit", **ends)
    edge = active.topology.transfer_edges[0]
    held = state({"SPORTS_NORMAL": 10, "POINTS": 10})
    decision = transfers.transfer(
        request(), transfers.Transfer(edge.from_bucket, edge.to_bucket, 1, "EUR"), held, active
    )
    assert code(decision) == (409, "TRANSFER_NOT_ALLOWED")


def test_money_that_is_staked_but_owes_nothing_may_leave_a_rest_behind() -> None:
    free = state({"SPORTS_NORMAL": 100}, staked={SPORTS: 60})
    assert legs(transfers.transfer(request(), TO_CASINO, free, SPLIT)) == {SPORTS: -40, CASINO: 40}


def test_the_legacy_alias_moves_in_split_and_answers_a_no_op_in_unified() -> None:
    command = transfers.LegacyTransfer("casino", 5, "EUR")
    assert legs(
        transfers.legacy_transfer(request(), command, state({"CASINO_NORMAL": 5}), SPLIT)
    ) == {CASINO: -5, SPORTS: 5}
    nothing = transfers.legacy_transfer(request(), command, state({}), UNIFIED)
    assert (nothing.status, nothing.body["state"], nothing.body["amount"], nothing.legs) == (
        200,
        "NOOP",
        "0.00",
        (),
    )


# --- adjustments


ANN, BOB = a_person("ann"), a_person("bob")


def asked(**more: Any) -> Adjustment:
    given: dict[str, Any] = {
        "account": SPORTS,
        "amount": -30,
        "state": "REQUESTED",
        "requested_by": ANN.name,
        "requested_key": ANN.key_id,
    } | more
    return Adjustment("x", str(PLAYER), currency="EUR", reason="found twice", **given)


def test_an_adjustment_moves_only_when_another_person_applies_it() -> None:
    command = adjustments.Ask("SPORTS_NORMAL", "debit", 30, "EUR", "found twice", ANN)
    wish = adjustments.ask(request(), command, state({}), SPLIT)
    assert not wish.legs and wish.adjustment is not None and plain(wish.adjustment)["amount"] == -30
    held = state({"SPORTS_NORMAL": 30}, adjustment=asked())
    assert legs(adjustments.approve(request(2), adjustments.Decide("x", BOB), held, SPLIT)) == {
        "ADJ": 30,
        SPORTS: -30,
    }
    for same in (
        ANN,
        a_person("Ａnn "),
        a_person("bea", "token of ann"),
        a_person("Ann", "another token"),
    ):
        with pytest.raises(adjustments.SamePerson):
            adjustments.approve(request(2), adjustments.Decide("x", same), held, SPLIT)
    assert adjustments.reject(request(2), adjustments.Decide("x", ANN), held, SPLIT).legs == ()


def test_adjustments_that_cannot_be() -> None:
    decide = adjustments.Decide("x", BOB)
    assert code(
        adjustments.approve(
            request(), decide, state({"SPORTS_NORMAL": 29}, adjustment=asked()), SPLIT
        )
    ) == (
        409,
        "INSUFFICIENT_FUNDS",
    )
    assert code(
        adjustments.approve(request(), decide, state({}, adjustment=asked(account="X/Y")), SPLIT)
    ) == (
        409,
        "ADJUSTMENT_OUT_OF_REACH",
    )
    assert code(
        adjustments.approve(request(), decide, state({}, adjustment=asked(state="REJECTED")), SPLIT)
    ) == (409, "ADJUSTMENT_DECIDED")
    assert code(
        adjustments.reject(request(), decide, state({}, adjustment=asked(state="APPLIED")), SPLIT)
    ) == (409, "ADJUSTMENT_DECIDED")
    assert (
        adjustments.approve(
            request(), decide, state({}, adjustment=asked(state="APPLIED")), SPLIT
        ).status
        == 200
    )
    with pytest.raises(adjustments.AdjustmentNotFound):
        adjustments.approve(request(), decide, state({}), SPLIT)
    for account in ("POINTS", "CASH/PENDING", "NOPE", "HOUSE"):
        with pytest.raises(adjustments.AccountInvalid):
            adjustments.ask(
                request(), adjustments.Ask(account, "credit", 1, "EUR", "r", ANN), state({}), SPLIT
            )


def test_cash_can_be_adjusted() -> None:
    held = state({}, adjustment=asked(account="CASH/AVAILABLE", amount=-5), cash=Cash(available=5))
    assert legs(adjustments.approve(request(), adjustments.Decide("x", BOB), held, SPLIT)) == {
        "ADJ": 5,
        "CASH/AVAILABLE": -5,
    }


# --- withdrawals


@pytest.mark.parametrize(
    ("rule", "before", "after", "moves"),
    [
        (cash.cancel, "requested", "canceled", True),
        (cash.fail_payout, "approved", "payout_failed", True),
        (cash.cancel, "canceled", "canceled", False),
        (cash.fail_payout, "payout_failed", "payout_failed", False),
        (cash.cancel, "approved", None, False),
        (cash.cancel, "paid", None, False),
        (cash.fail_payout, "requested", None, False),
        (cash.fail_payout, "paid", None, False),
        (cash.mark_paid, "payout_failed", None, False),
        (cash.approve, "canceled", None, False),
    ],
)
def test_the_states_of_a_withdrawal(rule: Any, before: str, after: str | None, moves: bool) -> None:
    held = CashTransaction("t", str(PLAYER), "withdrawal", before, 70, "EUR")
    decision = rule(request(), cash.Review("t", "x"), state({}, cash_transaction=held), SPLIT)
    if after is None:
        assert code(decision) == (409, "ILLEGAL_TRANSACTION_STATE_TRANSITION")
        return
    assert decision.body["transaction"]["state"] == after
    assert legs(decision) == ({"CASH/PENDING": -70, "CASH/AVAILABLE": 70} if moves else {})
    if moves:
        assert decision.cash_transaction is not None and "reviewed_by" not in plain(
            decision.cash_transaction
        )


def test_another_players_withdrawal_is_not_found() -> None:
    foreign = CashTransaction("t", "somebody", "withdrawal", "requested", 70, "EUR")
    with pytest.raises(cash.TransactionNotFound):
        cash.cancel(request(), cash.Review("t", "x"), state({}, cash_transaction=foreign), SPLIT)
