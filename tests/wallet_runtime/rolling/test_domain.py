"""The rules of turnover: shares of stakes, oldest rolling first, exact reversal, completion."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wallet_runtime.rolling import domain
from wallet_runtime.rolling.domain import (
    ACTIVE,
    CANCELED,
    COMPLETED,
    COMPLETING,
    EXPIRED,
    FAILED_COMPLETION,
    BrandRules,
    Carried,
    CountedBefore,
    FundingShare,
    InconsistentEvent,
    Progress,
    Requirement,
    Rolling,
    SettledBet,
    Transfer,
)

SPLIT = "RUBY_SPLIT_V1"
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def a_rolling(
    target: int,
    turnover: int = 0,
    bucket: str = "SPORTS_NORMAL",
    provider_types: tuple[str, ...] = ("SPORTS",),
) -> Rolling:
    return Rolling(uuid4(), SPLIT, bucket, frozenset(provider_types), "KRW", target, turnover)


def a_bet(
    *shares: tuple[str, int],
    provider_type: str = "SPORTS",
    currency: str = "KRW",
    topology_code: str = SPLIT,
) -> SettledBet:
    funding = tuple(FundingShare(topology_code, bucket, amount) for bucket, amount in shares)
    return SettledBet(
        "a1", "b1", provider_type, currency, sum(amount for _, amount in shares), funding
    )


def required(turnover: int) -> Requirement:
    return Requirement(
        uuid4(), SPLIT, "SPORTS_NORMAL", ("SPORTS",), "KRW", 10, "1", turnover, "r", "deposit"
    )


def amounts(bet: SettledBet, *rollings: Rolling) -> dict[UUID, int]:
    return {each.rolling_id: each.amount for each in domain.count_turnover(bet, rollings)}


def test_stake_fills_the_oldest_rolling_first_and_flows_on() -> None:
    first, second = a_rolling(100, 70), a_rolling(100)
    assert amounts(a_bet(("SPORTS_NORMAL", 50)), first, second) == {
        first.rolling_id: 30,
        second.rolling_id: 20,
    }


def test_each_source_counts_its_own_share() -> None:
    normal, bonus = a_rolling(100), a_rolling(100, bucket="SPORTS_BONUS")
    bet = a_bet(("SPORTS_NORMAL", 30), ("SPORTS_BONUS", 70))
    assert amounts(bet, normal, bonus) == {normal.rolling_id: 30, bonus.rolling_id: 70}


def test_what_no_rolling_can_take_counts_nowhere() -> None:
    rolling = a_rolling(10)
    (counted,) = domain.count_turnover(a_bet(("SPORTS_NORMAL", 50)), [rolling])
    assert (counted.amount, counted.completes) == (10, True)


@pytest.mark.parametrize(
    "bet",
    [
        a_bet(("SPORTS_NORMAL", 5), provider_type="LIVE"),
        a_bet(("WITHDRAWABLE", 5)),
        a_bet(("SPORTS_NORMAL", 5), currency="EUR"),
        a_bet(("SPORTS_NORMAL", 5), topology_code="RUBY_UNIFIED_V1"),
        a_bet(("SPORTS_NORMAL", 0)),
    ],
)
def test_other_provider_type_source_currency_or_topology_does_not_count(bet: SettledBet) -> None:
    assert domain.count_turnover(bet, [a_rolling(100)]) == ()


def test_funding_that_does_not_add_up_is_refused() -> None:
    bet = SettledBet("a1", "b1", "SPORTS", "KRW", 10, (FundingShare(SPLIT, "SPORTS_NORMAL", 9),))
    with pytest.raises(InconsistentEvent, match="stake of 10"):
        domain.count_turnover(bet, [])


@given(
    shares=st.lists(
        st.tuples(
            st.sampled_from(["SPORTS_NORMAL", "SPORTS_BONUS", "WITHDRAWABLE"]), st.integers(0, 500)
        ),
        max_size=5,
    ),
    rollings=st.lists(
        st.tuples(
            st.integers(1, 300),
            st.integers(0, 300),
            st.sampled_from(["SPORTS_NORMAL", "SPORTS_BONUS"]),
        ),
        max_size=6,
    ),
)
def test_turnover_is_never_lost_doubled_or_given_to_a_younger_one(
    shares: list[tuple[str, int]], rollings: list[tuple[int, int, str]]
) -> None:
    opened = [a_rolling(target + done, done, bucket) for target, done, bucket in rollings]
    bet = a_bet(*shares)
    counted = {each.rolling_id: each for each in domain.count_turnover(bet, opened)}
    for bucket in ("SPORTS_NORMAL", "SPORTS_BONUS"):
        fed = [each for each in opened if each.bucket_type_code == bucket]
        room = sum(each.target_turnover - each.turnover for each in fed)
        placed = sum(counted[each.rolling_id].amount for each in fed if each.rolling_id in counted)
        assert placed == min(room, sum(amount for name, amount in shares if name == bucket))
        full = [each.rolling_id in counted and counted[each.rolling_id].completes for each in fed]
        touched = [each.rolling_id in counted for each in fed]
        assert all(full[i] for i in range(len(fed)) if any(touched[i + 1 :]))
    assert all(each.amount > 0 for each in counted.values())
    for each in opened:
        if each.rolling_id in counted:
            reached = each.turnover + counted[each.rolling_id].amount
            assert reached <= each.target_turnover
            assert counted[each.rolling_id].completes == (reached == each.target_turnover)


@pytest.mark.parametrize(
    ("state", "attempts", "lowers", "reopens"),
    [
        (ACTIVE, 0, True, False),
        (EXPIRED, 0, True, False),
        (COMPLETING, 0, True, True),
        (COMPLETING, 1, False, False),
        (FAILED_COMPLETION, 12, False, False),
        (COMPLETED, 0, False, False),
    ],
)
def test_take_back_lowers_unless_the_completion_stands(
    state: str, attempts: int, lowers: bool, reopens: bool
) -> None:
    (taken,) = domain.take_back([CountedBefore(uuid4(), 7, state, attempts)])
    assert (taken.amount, taken.lowers, taken.reopens) == (7, lowers, reopens)


@pytest.mark.parametrize(
    ("ratio_bps", "turnover", "target"),
    [(10_000, 100, 100), (5_000, 101, 51), (12_500, 4, 5), (0, 100, 0), (1, 0, 0)],
)
def test_completion_ratio_is_applied_and_rounded_up(
    ratio_bps: int, turnover: int, target: int
) -> None:
    opening = domain.open_rolling(
        required(turnover), BrandRules(completion_ratio_bps=ratio_bps), NOON
    )
    assert opening.target_turnover == target
    assert opening.state == (ACTIVE if target else COMPLETING)


def test_a_rolling_lapses_by_its_brands_rule_only() -> None:
    assert domain.open_rolling(required(5), domain.DEFAULT_RULES, NOON).expires_at is None
    assert domain.open_rolling(
        required(5), BrandRules(expires_after=timedelta(days=30)), NOON
    ).expires_at == NOON + timedelta(days=30)


def test_retries_back_off_and_then_go_on_slowly() -> None:
    delays = [
        domain.retry_delay_seconds(failures, bound=10, slow_seconds=300.0)
        for failures in range(1, 12)
    ]
    assert delays == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0, 300.0, 300.0]


def a_transfer(amount: int, balance: int, *rollings: Carried) -> Transfer:
    return Transfer(
        "t1",
        SPLIT,
        "SPORTS_NORMAL",
        "CASINO_NORMAL",
        ("LIVE", "SLOTS"),
        "KRW",
        amount,
        balance,
        rollings,
    )


@given(
    target=st.integers(1, 10**12),
    turned=st.integers(0, 10**12),
    balance=st.integers(1, 10**12),
    part=st.integers(1, 10**12),
)
def test_what_a_transfer_hands_on_is_in_proportion_rounded_up_on_both_sides(
    target: int, turned: int, balance: int, part: int
) -> None:
    source = Progress(uuid4(), ACTIVE, target, min(turned, target - 1))
    amount = min(part, balance)
    (handed,) = domain.hand_on(
        a_transfer(amount, balance, Carried(source.rolling_id, uuid4())), [source]
    )
    left = source.open_turnover - handed.leaves
    assert source.open_turnover <= left + handed.turnover <= source.open_turnover + 1
    assert (
        handed.turnover * balance >= source.open_turnover * amount > (handed.turnover - 1) * balance
    )
    assert left * balance >= source.open_turnover * (balance - amount)
    assert handed.state == (ACTIVE if handed.turnover else COMPLETING)


@pytest.mark.parametrize(
    ("balance", "target"), [(100_000, 100), (100_000, 99_999), (1_000, 1), (663, 1_000)]
)
def test_many_small_transfers_shed_no_turnover(balance: int, target: int) -> None:
    source, parts, begun = Progress(uuid4(), ACTIVE, target, 0), 0, balance
    for _ in range(120):
        (handed,) = domain.hand_on(
            a_transfer(5, balance, Carried(source.rolling_id, uuid4())), [source]
        )
        assert handed.turnover >= 1 and handed.state == ACTIVE
        source = replace(source, target_turnover=source.target_turnover - handed.leaves)
        parts, balance = parts + handed.turnover, balance - 5
        assert source.open_turnover * begun >= target * balance, "what stays owes its share"
        assert parts * begun >= target * (begun - balance), "what left owes its share"


@pytest.mark.parametrize(
    ("state", "turnover", "expected"),
    [
        (COMPLETING, 100, (COMPLETING, 0)),
        (FAILED_COMPLETION, 100, (COMPLETING, 0)),
        (COMPLETED, 100, (COMPLETING, 0)),
        (EXPIRED, 40, (EXPIRED, 30)),
        (CANCELED, 40, (CANCELED, 30)),
    ],
)
def test_what_has_ended_hands_its_end_on(
    state: str, turnover: int, expected: tuple[str, int]
) -> None:
    source = Progress(uuid4(), state, 100, turnover)
    (handed,) = domain.hand_on(a_transfer(1, 2, Carried(source.rolling_id, uuid4())), [source])
    assert (handed.state, handed.turnover) == expected


def test_a_rolling_that_moves_as_a_whole_is_not_divided() -> None:
    source = Progress(uuid4(), ACTIVE, 100, 0)
    assert (
        domain.hand_on(a_transfer(2, 2, Carried(source.rolling_id, source.rolling_id)), [source])
        == ()
    )


@pytest.mark.parametrize(
    ("amount", "balance", "known"), [(3, 2, True), (0, 2, True), (1, 2, False)]
)
def test_a_transfer_that_cannot_be_is_refused(amount: int, balance: int, known: bool) -> None:
    source = Progress(uuid4(), ACTIVE, 100, 0)
    with pytest.raises(InconsistentEvent):
        domain.hand_on(
            a_transfer(amount, balance, Carried(source.rolling_id, uuid4())),
            [source] if known else [],
        )


@pytest.mark.parametrize(
    ("beside", "expected"),
    [(0, (100, ACTIVE)), (30, (70, ACTIVE)), (100, (0, COMPLETING)), (130, (0, COMPLETING))],
)
def test_a_generated_rolling_asks_only_for_what_did_not_come_along(
    beside: int, expected: tuple[int, str]
) -> None:
    opening = domain.open_rolling(required(100), BrandRules(), NOON, open_beside=beside)
    assert (opening.target_turnover, opening.state) == expected
