"""The rules of coupon grants: scopes, order of payment, refusals, and returning money."""

from typing import Any

import msgspec
import pytest

from tests.wallet_runtime.wallet.domain.examples import (
    PLAYER,
    SPLIT,
    closed,
    opened,
    plain,
    request,
    state,
    stored,
)
from tests.wallet_runtime.wallet.domain.examples import pair as pair_of
from wallet_runtime.wallet.domain import bets, coupons, rolling
from wallet_runtime.wallet.domain.decision import Decision
from wallet_runtime.wallet.domain.documents import CouponRule, Destination
from wallet_runtime.wallet.domain.records import GrantClosed
from wallet_runtime.wallet.domain.state import ActivePair, Grant, Obligation, Player, Scope, State

LOG = "c0ffee00-0000-4000-8000-000000000001"
WITHDRAWABLE = "RUBY_SPLIT_V1/WITHDRAWABLE"
SPORTS, CASINO, ALL = Scope("sports"), Scope("casino"), Scope("all_games")
LIVE_ONLY = Scope("provider", ("mocklive",))
PROVIDERS = {"mocksports": "SPORTS", "mocklive": "LIVE", "mockslots": "SLOTS"}


def grant(name: str = "g1", balance: int = 100, scope: Scope = SPORTS, **changes: Any) -> Grant:
    made = Grant(name, str(PLAYER), LOG, "RUBY_SPLIT_V1", scope, "EUR", 100, balance, "ACTIVE")
    return msgspec.structs.replace(made, **changes)


def owed(name: str = "g1", **changes: Any) -> Obligation:
    made = Obligation(f"r-{name}", "RUBY_SPLIT_V1", "", 100, "ACTIVE", str(PLAYER), grant_id=name)
    return msgspec.structs.replace(made, **changes)


def policy(**rule: Any) -> ActivePair:
    """Return the split pair with these changes of the coupon rule."""
    changed = msgspec.structs.replace(SPLIT.policy.coupons, **rule)
    return msgspec.structs.replace(
        SPLIT, policy=msgspec.structs.replace(SPLIT.policy, coupons=changed)
    )


def rule_of(provider_type: str, **changes: Any) -> ActivePair:
    """Return the split pair with these changes of one provider type's funding rule."""
    funding = SPLIT.policy.funding
    changed = funding | {provider_type: msgspec.structs.replace(funding[provider_type], **changes)}
    return msgspec.structs.replace(
        SPLIT, policy=msgspec.structs.replace(SPLIT.policy, funding=changed)
    )


def bet(
    held: State,
    stake: int,
    provider: str = "mocksports",
    choice: str | None = None,
    pair: ActivePair = SPLIT,
) -> Decision:
    held = msgspec.structs.replace(held, choice=choice)
    return bets.authorize(
        request(),
        bets.Authorize(provider, PROVIDERS[provider], "b1", "r1", stake, "EUR"),
        held,
        pair,
    )


def funding(decision: Decision) -> dict[str, int]:
    assert decision.authorization is not None, decision.body
    return {
        share.account.removeprefix("RUBY_SPLIT_V1/"): share.amount
        for share in opened(decision).funding
    }


def legs(decision: Decision) -> list[tuple[str, int]]:
    return [(leg.account, leg.delta) for leg in decision.legs]


@pytest.mark.parametrize(
    ("scope", "providers"),
    [
        (SPORTS, {"mocksports"}),
        (CASINO, {"mocklive", "mockslots"}),
        (LIVE_ONLY, {"mocklive"}),
        (ALL, set(PROVIDERS)),
    ],
)
def test_a_scope_covers_its_games_alone(scope: Scope, providers: set[str]) -> None:
    assert {
        name for name, kind in PROVIDERS.items() if coupons.covers(scope, name, kind)
    } == providers
    for provider in PROVIDERS:
        decision = bet(state({}, grants=(grant(scope=scope),)), 10, provider)
        assert (decision.status, decision.body.get("code")) == (
            (200, None) if provider in providers else (409, "COUPON_SCOPE")
        )


@pytest.mark.parametrize(
    "scope", [Scope("provider"), Scope("sports", ("mocklive",)), Scope("provider", ("nobody",))]
)
def test_a_scope_that_names_no_game_is_refused(scope: Scope) -> None:
    with pytest.raises(coupons.ScopeInvalid):
        coupons.read_scope(scope)


def test_providers_of_a_scope_are_one_payload_in_any_order() -> None:
    named = coupons.read_scope(Scope("provider", ("mockslots", "mocklive", "mocklive")))
    assert named.provider_ids == ("mocklive", "mockslots")


@pytest.mark.parametrize(
    ("place", "withdrawable", "expected"),
    [
        ("first", "last", ["GRANT/g1", "SPORTS_BONUS", "SPORTS_NORMAL", "WITHDRAWABLE"]),
        ("last", "last", ["SPORTS_BONUS", "SPORTS_NORMAL", "GRANT/g1", "WITHDRAWABLE"]),
        ("first", "first", ["WITHDRAWABLE", "GRANT/g1", "SPORTS_BONUS", "SPORTS_NORMAL"]),
        ("last", "first", ["WITHDRAWABLE", "SPORTS_BONUS", "SPORTS_NORMAL", "GRANT/g1"]),
        ("first", "not_usable", ["GRANT/g1", "SPORTS_BONUS", "SPORTS_NORMAL"]),
    ],
)
def test_the_policy_places_coupons_among_the_sources(
    place: str, withdrawable: str, expected: list[str]
) -> None:
    pair = msgspec.structs.replace(rule_of("SPORTS", withdrawable=withdrawable))
    pair = msgspec.structs.replace(
        pair,
        policy=msgspec.structs.replace(pair.policy, coupons=policy(place=place).policy.coupons),
    )
    held = state(
        {"SPORTS_BONUS": 1, "SPORTS_NORMAL": 1, "WITHDRAWABLE": 1}, grants=(grant(balance=1),)
    )
    assert list(funding(bet(held, len(expected), pair=pair))) == expected


def test_grants_are_used_in_the_order_they_are_read_and_lapsed_ones_not_at_all() -> None:
    held = state({}, grants=(grant("late", 10, lapsed=True), grant("soon", 10), grant("later", 10)))
    assert funding(bet(held, 15)) == {"GRANT/soon": 10, "GRANT/later": 5}
    assert bet(held, 21).body["code"] == "INSUFFICIENT_FUNDS"


def test_the_scope_is_the_reason_only_where_it_is() -> None:
    held = state({"SPORTS_NORMAL": 50}, grants=(grant(scope=CASINO, balance=20),))
    assert bet(held, 70).body["code"] == "COUPON_SCOPE"
    assert bet(held, 71).body["code"] == "INSUFFICIENT_FUNDS"
    assert bet(held, 71).body["details"] == {"available": "0.50"}


def test_selection_may_pick_one_grant_and_nothing_tops_it_up() -> None:
    pair = rule_of("SPORTS", mode="selection")
    held = state({"SPORTS_NORMAL": 50}, grants=(grant(balance=20), grant("g2", scope=CASINO)))
    assert funding(bet(held, 20, choice="GRANT/g1", pair=pair)) == {"GRANT/g1": 20}
    assert bet(held, 21, choice="GRANT/g1", pair=pair).body["code"] == "INSUFFICIENT_FUNDS"
    assert bet(held, 1, choice="GRANT/g2", pair=pair).body["code"] == "COUPON_SCOPE"
    assert bet(held, 1, choice="GRANT/g9", pair=pair).body["code"] == "FUNDING_CHOICE_NOT_ALLOWED"


def test_a_grant_share_puts_the_bet_under_the_bonus_limit() -> None:
    held = state({"SPORTS_NORMAL": 20_000}, grants=(grant(balance=1),))
    assert bet(held, 10_001).body["code"] == "MAX_BET_UNDER_BONUS"
    assert bet(held, 10_000).status == 200


@pytest.mark.parametrize(
    ("held", "pair", "code"),
    [
        (state({}, coupon=grant()), SPLIT, "COUPON_ALREADY_ISSUED"),
        (
            msgspec.structs.replace(state({}), player=Player("EUR", "blocked", False, 1)),
            SPLIT,
            "PLAYER_BLOCKED",
        ),
        (state({}), policy(rolling={"casino": "1"}), "COUPON_NOT_OFFERED"),
    ],
)
def test_refusals_of_issue(held: State, pair: ActivePair, code: str) -> None:
    decision = coupons.issue(request(), coupons.Issue(LOG, 100, "EUR", SPORTS), held, pair)
    assert (decision.status, decision.body["code"], decision.legs, decision.grants_opened) == (
        409,
        code,
        (),
        (),
    )


@pytest.mark.parametrize(("multiplier", "required"), [("0", "0"), ("2.5", "253"), ("10", "1010")])
def test_issue_asks_for_turnover_rounded_up_and_caps_rounded_down(
    multiplier: str, required: str
) -> None:
    pair = policy(rolling={"provider": multiplier}, release_cap={"provider": "1.5"})
    decision = coupons.issue(request(), coupons.Issue(LOG, 101, "EUR", LIVE_ONLY), state({}), pair)
    assert [leg.account.partition("/")[0] for leg in decision.legs] == ["PROMO", "GRANT"]
    payload = plain(decision.events[0].payload)
    assert (payload["required_turnover"], payload["provider_types"], payload["remarks"]) == (
        required,
        ["LIVE"],
        f"coupon_log:{LOG}",
    )
    assert f"{payload['topology_code']}/{payload['bucket_type_code']}" == decision.legs[1].account
    assert decision.obligations_opened[0].cap == 151


STATES = ("ACTIVE", "COMPLETED", "REVERSED", "EXPIRED")


@pytest.mark.parametrize("held", STATES)
@pytest.mark.parametrize("rule", [coupons.reverse, coupons.expire], ids=["reverse", "expire"])
def test_every_state_against_reverse_and_expire(rule: Any, held: str) -> None:
    target = "REVERSED" if rule is coupons.reverse else "EXPIRED"
    coupon = grant(balance=70 if held == "ACTIVE" else 0, state=held, lapsed=True)
    decision = rule(
        request(), coupons.Close(LOG), state({}, coupon=coupon, obligations=(owed(),)), SPLIT
    )
    if held == "ACTIVE":
        assert legs(decision) == [("GRANT/g1", -70), ("PROMO", 70)]
        assert plain(decision.grants_closed) == [{"grant_id": "g1", "state": target}]
        assert decision.obligations_closed[0].rolling_id == "r-g1"
        assert [event.event_type for event in decision.events] == ["ROLLING_REVOKED"]
        return
    assert (decision.status, decision.legs, decision.grants_closed) == (
        200 if held == target else 409,
        (),
        (),
    )


def test_an_empty_grant_is_closed_without_legs() -> None:
    decision = coupons.reverse(
        request(), coupons.Close(LOG), state({}, coupon=grant(balance=0)), SPLIT
    )
    assert decision.legs == () and decision.grants_closed


def test_reverse_waits_for_open_stakes_and_expire_for_its_time() -> None:
    staked = state({}, coupon=grant(), staked={"GRANT/g1": 5})
    assert (
        coupons.reverse(request(), coupons.Close(LOG), staked, SPLIT).body["code"]
        == "COUPON_STAKED"
    )
    early = coupons.expire(request(), coupons.Close(LOG), staked, SPLIT)
    assert early.body["code"] == "COUPON_NOT_LAPSED"
    lapsed = state({}, coupon=grant(lapsed=True), staked={"GRANT/g1": 5})
    assert coupons.expire(request(), coupons.Close(LOG), lapsed, SPLIT).status == 200


def test_another_players_coupon_is_not_found() -> None:
    for rule in (coupons.reverse, coupons.expire):
        with pytest.raises(coupons.GrantNotFound):
            rule(request(), coupons.Close(LOG), state({}, coupon=grant(player_id="someone")), SPLIT)


def complete(held: State) -> Decision:
    return rolling.complete(request(), rolling.Complete("r-g1"), held, SPLIT)


def test_completion_releases_the_named_grant_and_what_exceeds_the_cap_goes_back() -> None:
    both = (grant("g2"), grant(balance=300))
    decision = complete(state({}, grants=both, obligations=(owed(),), rolling=owed(cap=250)))
    assert legs(decision) == [("GRANT/g1", -300), (WITHDRAWABLE, 250), ("PROMO", 50)]
    assert decision.grants_closed == (GrantClosed("g1", "COMPLETED"),)
    again = complete(state({}, grants=(grant("g2"),), rolling=owed(state="COMPLETED")))
    assert (again.status, again.body["released"], again.legs) == (200, "0.00", ())


@pytest.mark.parametrize("grants", [(), (grant("g2"),), (grant(state="REVERSED", balance=0),)])
def test_completion_without_its_grant_is_an_error_and_never_falls_back(
    grants: tuple[Grant, ...],
) -> None:
    with pytest.raises(coupons.GrantNotFound):
        complete(state({"SPORTS_BONUS": 500, "SPORTS_NORMAL": 500}, grants=grants, rolling=owed()))


@pytest.mark.parametrize("ended", ["CANCELED", "EXPIRED"])
def test_a_rolling_that_was_ended_releases_nothing(ended: str) -> None:
    decision = complete(state({}, grants=(grant(state="EXPIRED"),), rolling=owed(state=ended)))
    assert (decision.status, decision.body["code"], decision.legs) == (
        409,
        "ROLLING_NOT_COMPLETABLE",
        (),
    )


LANDINGS = {
    "ACTIVE": [("GRANT/g1", 60)],
    "COMPLETED": [(WITHDRAWABLE, 60)],
    "REVERSED": [("GRANT/g1", 60), ("GRANT/g1", -60), ("PROMO", 60)],
    "EXPIRED": [("GRANT/g1", 60), ("GRANT/g1", -60), ("PROMO", 60)],
}


@pytest.mark.parametrize("held", STATES)
@pytest.mark.parametrize("ending", ["rollback", "settle"])
def test_what_returns_to_a_grant_in_every_state(held: str, ending: str) -> None:
    accepted = bet(state({}, grants=(grant(),)), 60)
    assert accepted.authorization is not None
    later = state(
        {}, grants=(grant(balance=0, state=held),), authorization=stored(opened(accepted))
    )
    if ending == "rollback":
        decision = bets.rollback(request(2), bets.Rollback("mocksports", "b1"), later, SPLIT)
        assert legs(decision) == [("STAKE", -60), *LANDINGS[held]]
        return
    decision = bets.settle(request(2), bets.Settle("mocksports", "b1", "0.60"), later, SPLIT)
    assert legs(decision) == [("STAKE", -60), *LANDINGS[held]]
    assert decision.authorization is not None
    resting = [(share.account, share.amount) for share in (closed(decision).payout_shares or ())]
    assert resting == LANDINGS[held][-1:]


@pytest.mark.parametrize(
    ("held", "code"), [("ACTIVE", None), ("COMPLETED", "SOURCE_GONE"), ("EXPIRED", None)]
)
def test_a_lost_bet_on_a_completed_grant_is_not_taken_back_into_a_topology_that_was_left(
    held: str, code: str | None
) -> None:
    accepted = bet(state({}, grants=(grant(),)), 60)
    assert accepted.authorization is not None
    lost = stored(opened(accepted), state="SETTLED", payout=0, payout_shares=())
    later = state({}, grants=(grant(balance=0, state=held),), authorization=lost)
    decision = bets.rollback(
        request(2), bets.Rollback("mocksports", "b1"), later, pair_of("ruby_unified_v1.1.json")
    )
    assert decision.body.get("code") == code


def test_a_bet_on_a_grant_reaches_buckets_alone() -> None:
    accepted = bet(state({}, grants=(grant(),)), 60)
    assert accepted.authorization is not None
    snapshot = opened(accepted).policy_snapshot
    assert (snapshot.reaches, snapshot.destinations) == (
        (WITHDRAWABLE,),
        {"GRANT/g1": ("GRANT/g1", "GRANT/g1")},
    )


def test_winnings_of_a_grant_may_go_to_a_normal_bucket() -> None:
    pair = policy(winnings={"SPORTS": Destination("GRANT", "SPORTS_NORMAL")})
    accepted = bet(state({}, grants=(grant(),)), 60, pair=pair)
    assert accepted.authorization is not None
    rolls = state(
        {}, grants=(grant(),), obligations=(owed(),), authorization=stored(opened(accepted))
    )
    done = state({}, grants=(grant(state="COMPLETED"),), authorization=stored(opened(accepted)))
    for held, account in ((rolls, "GRANT/g1"), (done, "RUBY_SPLIT_V1/SPORTS_NORMAL")):
        decision = bets.settle(request(2), bets.Settle("mocksports", "b1", "0.60"), held, SPLIT)
        assert legs(decision)[1:] == [(account, 60)]


def test_a_policy_without_coupons_offers_none() -> None:
    pair = msgspec.structs.replace(
        SPLIT, policy=msgspec.structs.replace(SPLIT.policy, coupons=CouponRule())
    )
    decision = coupons.issue(request(), coupons.Issue(LOG, 100, "EUR", SPORTS), state({}), pair)
    assert decision.body["details"] == {"offered": []}
