"""Properties of funding, of splits and of a bet's life, over generated rules and balances."""

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from tests.wallet_runtime.wallet.domain.examples import (
    SPLIT,
    closed,
    opened,
    request,
    state,
    stored,
)
from tests.wallet_runtime.wallet.domain.test_coupons import PROVIDERS, grant
from wallet_runtime.wallet.domain import bets
from wallet_runtime.wallet.domain.decision import Decision
from wallet_runtime.wallet.domain.documents import FundingRule
from wallet_runtime.wallet.domain.state import (
    ActivePair,
    Authorization,
    Grant,
    Obligation,
    Scope,
    State,
)

BUCKETS = (
    "SPORTS_NORMAL",
    "CASINO_NORMAL",
    "SPORTS_BONUS",
    "CASINO_BONUS",
    "WITHDRAWABLE",
    "POINTS",
)
MONEY = st.integers(0, 10_000)
SCOPES = st.sampled_from(
    [Scope("sports"), Scope("casino"), Scope("all_games"), Scope("provider", ("mocklive",))]
)
BALANCES = st.fixed_dictionaries(dict.fromkeys(BUCKETS, MONEY))
# Validation forbids POINTS as a source. Funding must skip such a source all the same.
RULES = st.builds(
    FundingRule,
    st.just("combined"),
    st.lists(
        st.sampled_from(["SPORTS_NORMAL", "SPORTS_BONUS", "CASINO_NORMAL", "POINTS"]), unique=True
    ).map(tuple),
    st.sampled_from(["not_usable", "last", "first"]),
)
GRANTS = st.lists(st.tuples(MONEY, SCOPES, st.booleans()), max_size=4).map(
    lambda made: tuple(
        grant(f"g{index}", balance, scope, lapsed=lapsed)
        for index, (balance, scope, lapsed) in enumerate(made)
    )
)
ENDS = ("ACTIVE", "COMPLETED", "REVERSED", "EXPIRED")


def _pair(rule: FundingRule, place: str) -> ActivePair:
    changed = msgspec.structs.replace(
        SPLIT.policy,
        funding=dict.fromkeys(("SPORTS", "LIVE", "SLOTS"), rule),
        coupons=msgspec.structs.replace(SPLIT.policy.coupons, place=place),
    )
    return msgspec.structs.replace(SPLIT, policy=changed)


def _expected(
    rule: FundingRule,
    place: str,
    balances: dict[str, int],
    grants: tuple[Grant, ...],
    provider: str,
) -> list[tuple[str, int]]:
    """Return the accounts that may pay, in order, with their balances.

    This is a second implementation of the specification, to compare the product with.
    """
    reach = {
        "sports": ("mocksports",),
        "casino": ("mocklive", "mockslots"),
        "all_games": tuple(PROVIDERS),
        "provider": ("mocklive",),
    }
    coupons = [
        (f"GRANT/{each.grant_id}", each.balance)
        for each in grants
        if not each.lapsed and provider in reach[each.scope.kind]
    ]
    sources = [
        (f"RUBY_SPLIT_V1/{code}", balances[code]) for code in rule.sources if code != "POINTS"
    ]
    middle = coupons + sources if place == "first" else sources + coupons
    own = [("RUBY_SPLIT_V1/WITHDRAWABLE", balances["WITHDRAWABLE"])]
    return {"first": own + middle, "last": middle + own, "not_usable": middle}[rule.withdrawable]


@given(
    RULES,
    st.sampled_from(["first", "last"]),
    BALANCES,
    GRANTS,
    st.sampled_from(sorted(PROVIDERS)),
    st.integers(1, 60_000),
)
def test_a_stake_is_taken_in_order_each_source_as_far_as_it_reaches(
    rule: FundingRule,
    place: str,
    balances: dict[str, int],
    grants: tuple[Grant, ...],
    provider: str,
    stake: int,
) -> None:
    command = bets.Authorize(provider, PROVIDERS[provider], "b1", "r1", stake, "EUR")
    decision = bets.authorize(
        request(), command, state(balances, grants=grants), _pair(rule, place)
    )
    order = _expected(rule, place, balances, grants, provider)
    if sum(amount for _, amount in order) < stake:
        assert (
            decision.body["code"] in ("INSUFFICIENT_FUNDS", "COUPON_SCOPE") and decision.legs == ()
        )
        return
    taken, left = [], stake
    for account, amount in order:
        if part := min(amount, left):
            taken.append((account, -part))
            left -= part
    assert [(leg.account, leg.delta) for leg in decision.legs] == [*taken, ("STAKE", stake)]


def _accepted(amounts: tuple[int, ...]) -> tuple[Decision, Authorization]:
    """Accept a bet that a bucket, the withdrawable money and grants pay, each with one amount."""
    normal, own, *coupons = amounts
    held = state(
        {"SPORTS_NORMAL": normal, "WITHDRAWABLE": own},
        grants=tuple(grant(f"g{index}", amount) for index, amount in enumerate(coupons)),
    )
    command = bets.Authorize("mocksports", "SPORTS", "b1", "r1", sum(amounts), "KRW")
    decision = bets.authorize(
        request(), command, held, _pair(FundingRule("combined", ("SPORTS_NORMAL",)), "first")
    )
    assert decision.authorization is not None
    return decision, stored(opened(decision))


AMOUNTS = st.lists(st.integers(1, 10**9), min_size=2, max_size=5).map(tuple)
LATER = st.lists(st.sampled_from(ENDS), min_size=3, max_size=3)


def _later(bet: Authorization, ends: list[str], rolls: bool, **more: Any) -> State:
    """Return a later state of the player, at the end of the bet.

    The grants have these states, `rolls` adds an active rolling, and balances may differ.
    """
    owed = (Obligation("r", "RUBY_SPLIT_V1", "SPORTS_NORMAL", 1),) if rolls else ()
    grants = tuple(grant(f"g{index}", 0, state=end) for index, end in enumerate(ends))
    return state(
        more.pop("balances", {}), grants=grants, obligations=owed, authorization=bet, **more
    )


def _sums(*decisions: Decision) -> dict[str, int]:
    sums: dict[str, int] = {}
    for decision in decisions:
        for leg in decision.legs:
            sums[leg.account] = sums.get(leg.account, 0) + leg.delta
    return {account: amount for account, amount in sums.items() if amount}


def _closed_stay_empty(decision: Decision, ends: list[str]) -> bool:
    sums = _sums(decision)
    return not any(sums.get(f"GRANT/g{index}") for index, end in enumerate(ends) if end != "ACTIVE")


@given(AMOUNTS, LATER, st.booleans(), st.integers(0, 10**10))
def test_a_settlement_loses_nothing_and_leaves_closed_grants_empty(
    amounts: tuple[int, ...], ends: list[str], rolls: bool, payout: int
) -> None:
    _, bet = _accepted(amounts)
    bet = msgspec.structs.replace(bet, currency="KRW")
    decision = bets.settle(
        request(2), bets.Settle("mocksports", "b1", str(payout)), _later(bet, ends, rolls), SPLIT
    )
    assert sum(leg.delta for leg in decision.legs) == 0 and decision.authorization is not None
    assert sum(share.amount for share in (closed(decision).payout_shares or ())) == payout
    assert _closed_stay_empty(decision, ends)
    assert _sums(decision).get("HOUSE", 0) == sum(amounts) - payout


@given(AMOUNTS, LATER, st.booleans(), st.integers(0, 10**10), BALANCES)
def test_a_settlement_does_not_look_at_balances_or_the_policy_of_today(
    amounts: tuple[int, ...], ends: list[str], rolls: bool, payout: int, balances: dict[str, int]
) -> None:
    _, bet = _accepted(amounts)
    command = bets.Settle("mocksports", "b1", str(payout))
    today = _pair(FundingRule("selection", (), "first"), "last")
    bet = msgspec.structs.replace(bet, currency="KRW")
    assert bets.settle(request(2), command, _later(bet, ends, rolls), SPLIT) == bets.settle(
        request(2), command, _later(bet, ends, rolls, balances=balances), today
    )


@given(AMOUNTS, LATER)
def test_a_rollback_returns_every_share_to_its_source_or_where_its_closed_grant_says(
    amounts: tuple[int, ...], ends: list[str]
) -> None:
    accepted, bet = _accepted(amounts)
    decision = bets.rollback(
        request(2), bets.Rollback("mocksports", "b1"), _later(bet, ends, rolls=False), SPLIT
    )
    assert _closed_stay_empty(decision, ends)
    left: dict[str, int] = {}
    for index, share in enumerate(amounts[2:]):
        target = {"COMPLETED": "RUBY_SPLIT_V1/WITHDRAWABLE", "ACTIVE": ""}.get(ends[index], "PROMO")
        if target:
            left[f"GRANT/g{index}"] = -share
            left[target] = left.get(target, 0) + share
    assert _sums(accepted, decision) == left


@given(AMOUNTS, st.booleans(), st.integers(0, 10**10))
def test_accepted_settled_and_taken_back_is_as_if_it_had_never_been(
    amounts: tuple[int, ...], rolls: bool, payout: int
) -> None:
    accepted, bet = _accepted(amounts)
    bet = msgspec.structs.replace(bet, currency="KRW")
    ends = ["ACTIVE"] * 3
    settled = bets.settle(
        request(2), bets.Settle("mocksports", "b1", str(payout)), _later(bet, ends, rolls), SPLIT
    )
    shares = closed(settled).payout_shares or ()
    ended = msgspec.structs.replace(bet, state="SETTLED", payout=payout, payout_shares=shares)
    held = {share.account: share.amount for share in shares}
    later = _later(ended, ends, rolls)
    grants = tuple(
        msgspec.structs.replace(each, balance=held.get(each.account, 0)) for each in later.grants
    )
    undone = bets.rollback(
        request(3),
        bets.Rollback("mocksports", "b1"),
        msgspec.structs.replace(later, grants=grants, buckets=held),
        SPLIT,
    )
    assert undone.status == 200 and _sums(accepted, settled, undone) == {}
