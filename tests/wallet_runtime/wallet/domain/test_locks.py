"""A lapsed rolling locks money, and the lock follows transfers, losses and rollbacks."""

from typing import Any

import msgspec
import pytest

from tests.wallet_runtime.serving import a_person
from tests.wallet_runtime.wallet.domain.examples import (
    BONUS,
    CASINO,
    PLAYER,
    SPLIT,
    SPORTS,
    WITHDRAWABLE,
    request,
    state,
)
from wallet_runtime.wallet.domain import adjustments, bets, bonus, locks, rolling, transfers
from wallet_runtime.wallet.domain.decision import Decision
from wallet_runtime.wallet.domain.reads import ReadMore, Reads
from wallet_runtime.wallet.domain.records import LockChange, ObligationChanged
from wallet_runtime.wallet.domain.state import (
    Adjustment,
    Authorization,
    Bonus,
    Obligation,
    PolicySnapshot,
    Share,
    State,
)


def owed(name: str, amount: int = 100, bucket: str = "SPORTS_NORMAL", **more: Any) -> Obligation:
    return Obligation(name, "RUBY_SPLIT_V1", bucket, amount, player_id=str(PLAYER), **more)


def moves(decision: Decision) -> dict[str, int]:
    return {leg.account: leg.delta for leg in decision.legs}


def changes(decision: Decision) -> dict[str, int]:
    return {lock.account: lock.delta for lock in decision.locks}


def closed(held: State, name: str = "a") -> Decision:
    ending = next(one for one in held.obligations if one.rolling_id == name)
    return rolling.close(
        request(),
        rolling.Close(name, "EXPIRED"),
        msgspec.structs.replace(held, rolling=ending),
        SPLIT,
    )


def completed(held: State, name: str = "a") -> Decision:
    ending = next(one for one in held.obligations if one.rolling_id == name)
    return rolling.complete(
        request(), rolling.Complete(name), msgspec.structs.replace(held, rolling=ending), SPLIT
    )


@pytest.mark.parametrize(
    ("balance", "staked", "locked", "amounts", "expected"),
    [
        (1000, 0, 0, (1000,), 1000),
        (700, 300, 0, (1000,), 1000),
        (1000, 0, 400, (1000,), 600),
        (1000, 0, 0, (300, 600), 334),
        (1001, 0, 0, (1000, 1), 1000),
        (0, 0, 0, (5,), 0),
        (10, 0, 10, (5, 5), 0),
    ],
)
def test_a_closed_rolling_locks_its_part_rounded_up(
    balance: int, staked: int, locked: int, amounts: tuple[int, ...], expected: int
) -> None:
    owing = tuple(owed(name, amount) for name, amount in zip("abc", amounts, strict=False))
    held = state(
        {"SPORTS_NORMAL": balance},
        obligations=owing,
        staked={SPORTS: staked},
        locked={SPORTS: locked},
    )
    assert changes(closed(held)) == ({SPORTS: expected} if expected else {})


def test_another_rolling_releases_only_what_is_unlocked() -> None:
    held = state({"SPORTS_NORMAL": 1_001}, obligations=(owed("b", 1),), locked={SPORTS: 1_000})
    decision = completed(held, "b")
    assert (moves(decision), changes(decision), decision.body["released"]) == (
        {SPORTS: -1, WITHDRAWABLE: 1},
        {},
        "0.01",
    )
    everything = completed(
        msgspec.structs.replace(held, locked={SPORTS: 2_000}, staked={SPORTS: 999}), "b"
    )
    assert (everything.legs, everything.transfers) == ((), ())


def test_what_is_locked_may_lie_in_open_stakes() -> None:
    held = state(
        {"SPORTS_NORMAL": 100}, obligations=(owed("b"),), locked={SPORTS: 100}, staked={SPORTS: 100}
    )
    assert (moves(completed(held, "b")), changes(completed(held, "b"))) == (
        {SPORTS: -100, WITHDRAWABLE: 100},
        {},
    )


def test_what_completed_rollings_have_earned_is_released_with_the_last_one() -> None:
    first = completed(
        state({"SPORTS_NORMAL": 1_000}, obligations=(owed("a", 1), owed("b", 999, cap=600))), "b"
    )
    assert first.obligations_changed == (ObligationChanged("a", earned=999),) and not first.legs
    last = state({"SPORTS_NORMAL": 1_000}, obligations=(owed("a", 1, earned=999),))
    assert (moves(closed(last)), changes(closed(last)), closed(last).body["released"]) == (
        {SPORTS: -999, WITHDRAWABLE: 999},
        {SPORTS: 1},
        "9.99",
    )
    with_cap = msgspec.structs.replace(last, obligations=(owed("a", 1, earned=999, cap=600),))
    assert moves(closed(with_cap)) == {SPORTS: -999, WITHDRAWABLE: 600, "PROMO": 399}


def test_what_waits_for_a_lapsed_rolling_waits_for_another() -> None:
    held = state({"SPORTS_NORMAL": 300}, obligations=(owed("a", earned=100), owed("b")))
    decision = closed(held)
    assert (decision.legs, changes(decision)) == ((), {SPORTS: 100})
    assert decision.obligations_changed == (ObligationChanged("b", earned=100),)


def test_a_given_bucket_is_not_emptied_under_open_locked_stakes() -> None:
    held = state(
        {"SPORTS_BONUS": 150},
        obligations=(owed("b", 100, "SPORTS_BONUS"),),
        locked={BONUS: 100},
        staked={BONUS: 50},
    )
    assert completed(held, "b").body["code"] == "OPEN_STAKES"


def test_an_earlier_bonus_that_lapsed_goes_back_with_the_last_one() -> None:
    given = Bonus(
        "x", str(PLAYER), "RUBY_SPLIT_V1", "SPORTS_BONUS", "EUR", 100, "c", "ISSUED", "b", 200
    )
    held = state(
        {"SPORTS_BONUS": 200},
        bonus=given,
        obligations=(owed("b", 100, "SPORTS_BONUS"),),
        locked={BONUS: 100},
    )
    decision = bonus.reverse(request(), bonus.End("x"), held, SPLIT)
    assert (moves(decision), changes(decision)) == ({BONUS: -200, "PROMO": 200}, {BONUS: -100})


def test_a_loss_of_before_a_lapse_comes_back_locked() -> None:
    lost = bet(state="SETTLED", payout=0, payout_shares=())
    held = state({}, authorization=lost, lapsed=(SPORTS,))
    assert changes(bets.rollback(request(), bets.Rollback("mocksports", "b1"), held, SPLIT)) == {
        SPORTS: 100
    }


def test_a_transfer_divides_what_each_rolling_stands_for() -> None:
    held = state({"SPORTS_NORMAL": 100}, obligations=(owed("a", 99, earned=10), owed("b", 1)))
    decision = transfers.transfer(
        request(), transfers.Transfer("SPORTS_NORMAL", "CASINO_NORMAL", 50, "EUR"), held, SPLIT
    )
    assert [(each.amount, each.earned) for each in decision.obligations_opened] == [
        (49, 5),
        (0, 0),
    ]
    assert [(each.amount, each.earned) for each in decision.obligations_changed] == [
        (50, 5),
        (1, 0),
    ]


def test_a_transfer_of_a_part_does_not_multiply_rollings_without_end() -> None:
    many = tuple(owed(str(number)) for number in range(transfers.ROLLINGS_MAX + 1))
    part, whole = (
        transfers.Transfer("SPORTS_NORMAL", "CASINO_NORMAL", amount, "EUR") for amount in (50, 100)
    )
    held = state({"SPORTS_NORMAL": 100}, obligations=many)
    assert transfers.transfer(request(), part, held, SPLIT).body["code"] == "TOO_MANY_ROLLINGS"
    assert transfers.transfer(request(), whole, held, SPLIT).status == 200
    assert (
        transfers.transfer(
            request(), part, msgspec.structs.replace(held, obligations=many[1:]), SPLIT
        ).status
        == 200
    )


def test_a_cap_counts_for_what_is_unlocked_alone() -> None:
    held = state({"SPORTS_NORMAL": 500}, obligations=(owed("b", 1, cap=50),), locked={SPORTS: 300})
    assert moves(completed(held, "b")) == {SPORTS: -200, WITHDRAWABLE: 50, "PROMO": 150}


def test_of_two_bonuses_the_closed_ones_part_goes_back_with_the_other_rolling() -> None:
    two = (owed("a", 100, "SPORTS_BONUS"), owed("b", 100, "SPORTS_BONUS"))
    held = state({"SPORTS_BONUS": 200}, obligations=two)
    assert (closed(held).legs, changes(closed(held))) == ((), {BONUS: 100})
    last = completed(msgspec.structs.replace(held, obligations=two[1:], locked={BONUS: 100}), "b")
    assert (moves(last), changes(last)) == (
        {BONUS: -200, WITHDRAWABLE: 100, "PROMO": 100},
        {BONUS: -100},
    )


def bet(stake: int = 100, **more: Any) -> Authorization:
    snapshot = PolicySnapshot(
        {SPORTS: (SPORTS, WITHDRAWABLE)}, (SPORTS, WITHDRAWABLE), WITHDRAWABLE
    )
    given: dict[str, Any] = {"state": "AUTHORIZED", "funding": (Share(SPORTS, stake),)} | more
    pair = ("RUBY_SPLIT_V1", 1, "default", 1)
    return Authorization(
        "x",
        str(PLAYER),
        "mocksports",
        "SPORTS",
        "b1",
        "r1",
        "EUR",
        stake,
        given.pop("state"),
        given.pop("funding"),
        snapshot,
        *pair,
        **given,
    )


@pytest.mark.parametrize(
    ("payout", "to", "unlocked"),
    [
        ("0", {}, {SPORTS: -100}),
        ("0.40", {SPORTS: 40}, {SPORTS: -60}),
        ("1.00", {SPORTS: 100}, {}),
        ("1.01", {SPORTS: 100, WITHDRAWABLE: 1}, {}),
        ("3.00", {SPORTS: 100, WITHDRAWABLE: 200}, {}),
    ],
    ids=["lost", "a part back", "all back", "won a cent", "won"],
)
def test_only_a_win_leaves_locked_money(
    payout: str, to: dict[str, int], unlocked: dict[str, int]
) -> None:
    held = state({}, authorization=bet(), staked={SPORTS: 100}, locked={SPORTS: 100})
    decision = bets.settle(request(), bets.Settle("mocksports", "b1", payout), held, SPLIT)
    paid = {
        leg.account: leg.delta for leg in decision.legs if leg.account not in ("STAKE", "HOUSE")
    }
    assert (paid, changes(decision)) == (to, unlocked)


def test_unlocked_money_beside_it_is_lost_first() -> None:
    held = state(
        {"SPORTS_NORMAL": 50}, authorization=bet(), staked={SPORTS: 100}, locked={SPORTS: 40}
    )
    assert changes(bets.settle(request(), bets.Settle("mocksports", "b1", "0"), held, SPLIT)) == {}


def test_a_stake_under_another_rolling_follows_that() -> None:
    held = state(
        {},
        authorization=bet(),
        obligations=(owed("b"),),
        staked={SPORTS: 100},
        locked={SPORTS: 100},
    )
    decision = bets.settle(request(), bets.Settle("mocksports", "b1", "3.00"), held, SPLIT)
    assert (moves(decision)[SPORTS], changes(decision)) == (300, {})


def test_a_loss_that_is_taken_back_is_locked_again() -> None:
    lost = bet(state="SETTLED", payout=0, payout_shares=())
    held = state({}, authorization=lost, lifted={SPORTS: 100})
    decision = bets.rollback(request(), bets.Rollback("mocksports", "b1"), held, SPLIT)
    assert (moves(decision)[SPORTS], changes(decision)) == (100, {SPORTS: 100})


def test_an_open_bet_that_is_rolled_back_changes_no_lock_and_reads_no_stakes() -> None:
    held = state({}, authorization=bet(), staked=None, locked={SPORTS: 100})
    assert changes(bets.rollback(request(), bets.Rollback("mocksports", "b1"), held, SPLIT)) == {}


def test_a_bet_without_locked_money_reads_no_stakes() -> None:
    held = state({"SPORTS_NORMAL": 100}, authorization=bet(), staked=None)
    assert not bets.settle(request(), bets.Settle("mocksports", "b1", "0"), held, SPLIT).locks


def test_what_was_not_read_is_asked_for() -> None:
    with pytest.raises(ReadMore) as more:
        bets.settle(
            request(),
            bets.Settle("mocksports", "b1", "0"),
            state({}, authorization=bet(), locked=None),
            SPLIT,
        )
    assert more.value.reads == Reads(with_locks=True)
    with pytest.raises(ReadMore) as more:
        bets.settle(
            request(),
            bets.Settle("mocksports", "b1", "0"),
            state({}, authorization=bet(), staked=None, locked={SPORTS: 1}),
            SPLIT,
        )
    assert more.value.reads == Reads(with_stakes=True)


@pytest.mark.parametrize(
    ("amount", "expected"),
    [(60, {}), (70, {SPORTS: -10, CASINO: 10}), (100, {SPORTS: -40, CASINO: 40})],
)
def test_a_transfer_takes_unlocked_money_first_and_then_carries_the_lock(
    amount: int, expected: dict[str, int]
) -> None:
    held = state({"SPORTS_NORMAL": 100}, locked={SPORTS: 40})
    decision = transfers.transfer(
        request(), transfers.Transfer("SPORTS_NORMAL", "CASINO_NORMAL", amount, "EUR"), held, SPLIT
    )
    assert changes(decision) == expected


def test_an_adjustment_that_takes_money_away_locks_no_more_than_is_left() -> None:
    wish = Adjustment(
        "x",
        str(PLAYER),
        SPORTS,
        "EUR",
        -70,
        "found twice",
        "REQUESTED",
        "ann",
        a_person("ann").key_id,
    )
    held = state({"SPORTS_NORMAL": 100}, locked={SPORTS: 90}, adjustment=wish)
    assert changes(
        adjustments.approve(request(), adjustments.Decide("x", a_person("bob")), held, SPLIT)
    ) == {SPORTS: -60}
    credit = msgspec.structs.replace(held, adjustment=msgspec.structs.replace(wish, amount=70))
    assert (
        changes(
            adjustments.approve(request(), adjustments.Decide("x", a_person("bob")), credit, SPLIT)
        )
        == {}
    )


def test_an_account_locks_at_most_what_is_left() -> None:
    held = state({"SPORTS_NORMAL": 5}, locked={SPORTS: 5}, staked={SPORTS: 3})
    assert locks.relocked(held, {SPORTS: -4}) == (LockChange(SPORTS, -1),)
    assert locks.relocked(held, {SPORTS: -3}) == ()
    assert locks.relocked(held, {CASINO: -3}) == ()
