"""A player's choice of the account that pays bets of one provider type.

Only that account pays, and a provider cannot change the choice.
"""

import msgspec
import pytest

from tests.wallet_runtime.wallet.domain.examples import PLAYER, SPLIT, opened, request, state
from wallet_runtime.wallet.domain import bets, choices
from wallet_runtime.wallet.domain.decision import Decision
from wallet_runtime.wallet.domain.reads import ReadMore, Reads
from wallet_runtime.wallet.domain.state import ActivePair, Grant, Scope, State

BET = bets.Authorize("mocklive", "LIVE", "b1", "r1", 20, "EUR")
HELD = {"CASINO_NORMAL": 50, "CASINO_BONUS": 20, "WITHDRAWABLE": 30}


def selecting(withdrawable: str = "last") -> ActivePair:
    rule = msgspec.structs.replace(
        SPLIT.policy.funding["LIVE"], mode="selection", withdrawable=withdrawable
    )
    return ActivePair(
        SPLIT.topology,
        msgspec.structs.replace(SPLIT.policy, funding={**SPLIT.policy.funding, "LIVE": rule}),
    )


def grant(name: str, scope: Scope, state: str = "ACTIVE") -> Grant:
    return Grant(name, str(PLAYER), f"log-{name}", "RUBY_SPLIT_V1", scope, "EUR", 10, 10, state)


def bet(choice: str | None, pair: ActivePair, **more: object) -> Decision:
    return bets.authorize(request(), BET, state(HELD, choice=choice, **more), pair)


def picked(source: str, held: State, pair: ActivePair) -> None:
    choices.confirm(choices.Choice("LIVE", source), held, pair)


def test_the_choice_alone_pays() -> None:
    for source in ("CASINO_NORMAL", "CASINO_BONUS", "WITHDRAWABLE"):
        decision = bet(source, selecting())
        assert decision.authorization is not None
        assert [share.account for share in opened(decision).funding] == [f"RUBY_SPLIT_V1/{source}"]


def test_nothing_tops_it_up() -> None:
    short = bets.authorize(
        request(),
        msgspec.structs.replace(BET, stake=21),
        state(HELD, choice="CASINO_BONUS"),
        selecting(),
    )
    assert (short.body["code"], short.body["details"]) == (
        "INSUFFICIENT_FUNDS",
        {"available": "0.20"},
    )


def test_a_bet_without_a_choice_is_refused() -> None:
    refused = bet(None, selecting())
    assert (refused.status, refused.body["code"], refused.legs) == (
        409,
        "FUNDING_CHOICE_REQUIRED",
        (),
    )


def test_a_choice_is_judged_by_the_policy_of_the_bet() -> None:
    assert bet("WITHDRAWABLE", selecting()).status == 200
    refused = bet("WITHDRAWABLE", selecting(withdrawable="not_usable"))
    assert (refused.status, refused.body["code"], refused.body["details"]) == (
        409,
        "FUNDING_CHOICE_NOT_ALLOWED",
        {"choice": "WITHDRAWABLE"},
    )
    combined = bet("WITHDRAWABLE", SPLIT)
    assert combined.authorization is not None
    assert [share.account for share in opened(combined).funding] == ["RUBY_SPLIT_V1/CASINO_BONUS"]


def test_only_a_selection_rule_asks_for_the_choice() -> None:
    assert bets.authorize(request(), BET, state(HELD), SPLIT).status == 200
    with pytest.raises(ReadMore) as more:
        bets.authorize(request(), BET, state(HELD), selecting())
    assert more.value.reads == Reads(choice_for="LIVE")


def test_what_may_be_picked() -> None:
    casino, provider = Scope("casino"), Scope("provider", ("mocklive",))
    other, sports = Scope("provider", ("mockslots",)), Scope("sports")
    held = state(
        HELD,
        grants=(
            grant("g1", casino),
            grant("g2", provider),
            grant("g3", other),
            grant("g4", sports),
            grant("g5", casino, "EXPIRED"),
        ),
    )
    assert set(choices.allowed("LIVE", held, selecting())) == {
        "GRANT/g1",
        "GRANT/g2",
        "CASINO_BONUS",
        "CASINO_NORMAL",
        "WITHDRAWABLE",
    }
    assert "WITHDRAWABLE" not in choices.allowed("LIVE", held, selecting("not_usable"))
    assert choices.allowed("SPORTS", held, selecting()) == ()
    for source in (
        "GRANT/g3",
        "GRANT/g4",
        "GRANT/g5",
        "SPORTS_NORMAL",
        "POINTS",
        "CASH/AVAILABLE",
        "",
    ):
        with pytest.raises(choices.SourceInvalid):
            picked(source, held, selecting())
    with pytest.raises(choices.SourceInvalid, match="server's own order"):
        picked("CASINO_NORMAL", held, SPLIT)
