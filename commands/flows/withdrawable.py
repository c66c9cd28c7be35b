"""FLOW-12: a bet of a player who holds withdrawable money.

The flow is played at every provider, so it covers each rule of the active policy for such money.
"""

from decimal import Decimal
from typing import Any

from commands.flows._script import WITHDRAWABLE, Bet, Script, begin, demand_topology
from commands.flows.money import roll_over
from rubyops.errors import CheckFailed
from rubyops.ports import Actor
from wallet_runtime.contract.codes import INSUFFICIENT_FUNDS
from wallet_runtime.contract.providers import PROVIDERS

PART = "10.00"
SOURCE_INVALID = "SOURCE_INVALID"
STAKE = "15.00"  # more than one source holds, so that two sources pay in their order


def every_policy(actor: Actor) -> dict[str, object]:
    """FLOW-12: withdrawable money pays last, first or never, as the provider type's rule says."""
    demand_topology("FLOW-12", actor)
    played = {}
    for provider, provider_type in PROVIDERS.items():
        script = begin("FLOW-12", actor, provider)
        policy = script.active_documents()["policy"]
        rule = policy["funding"][provider_type]
        use = rule.get("withdrawable", "last")
        _earn(script, policy, provider)
        bet = (
            _pick(script, provider, use)
            if rule["mode"] == "selection"
            else _in_order(script, provider, use)
        )
        script.settle(
            bet, PART if sum(bet.funding.values()) == script.minor(PART) else STAKE, key="paid"
        )
        script.expect(
            "where the winnings went", script.legs(bet, "close"), _destinations(script, policy, bet)
        )
        script.expect(
            "what the player holds in all at the end",
            sum(script.holdings().values()),
            2 * script.minor(PART),
        )
        script.tips_agree()
        played[provider] = {"withdrawable": use, "funding": bet.funding}
    return {"played": played}


def _earn(script: Script, policy: dict[str, Any], provider: str) -> None:
    """Earn withdrawable money, then deposit the same amount as normal money."""
    combined = [
        name for name, kind in PROVIDERS.items() if policy["funding"][kind]["mode"] == "combined"
    ]
    if not combined:
        raise CheckFailed(
            f"{script.title}: expected a provider type under a combined rule to earn withdrawable "
            "money with, found none"
        )
    roll_over(script, provider if provider in combined else combined[0], PART, key="earn")
    script.deposit(PART, key="beside", bucket=script.normal(provider))


def _in_order(script: Script, provider: str, use: str) -> Bet:
    part, stake = script.minor(PART), script.minor(STAKE)
    normal, withdrawable = script.account(script.normal(provider)), script.account(WITHDRAWABLE)
    if use == "not_usable":
        refusal = script.authorize(provider, STAKE, key="beyond")
        script.refused(
            "a bet that only withdrawable money could pay", refusal, (409,), INSUFFICIENT_FUNDS
        )
        return _bet(script, provider, PART, {normal: part})
    first, second = (withdrawable, normal) if use == "first" else (normal, withdrawable)
    return _bet(script, provider, STAKE, {first: part, second: stake - part})


def _pick(script: Script, provider: str, use: str) -> Bet:
    """Choose the source as the player, and bet. A forbidden choice of withdrawable is refused."""
    part, picked = (
        script.minor(PART),
        script.normal(provider) if use == "not_usable" else WITHDRAWABLE,
    )
    if use == "not_usable":
        script.refused(
            "the choice of the withdrawable bucket",
            script.choose(provider, WITHDRAWABLE),
            (422,),
            SOURCE_INVALID,
        )
    script.accepted(f"the choice of {picked}", script.choose(provider, picked))
    return _bet(script, provider, PART, {script.account(picked): part})


def _bet(script: Script, provider: str, amount: str, funding: dict[str, int]) -> Bet:
    bet = script.bet(provider, amount, key="paid")
    script.expect("the funding breakdown", bet.funding, funding)
    script.expect(
        "what the bet took",
        script.legs(bet, "authorize"),
        {account: -part for account, part in funding.items()},
    )
    return bet


def _destinations(script: Script, policy: dict[str, Any], bet: Bet) -> dict[str, int]:
    """Return minor units per account for a payout that equals the stake.

    Winnings of a bucket with an open rolling go to the `before` destination of the policy, all
    others to `after`. Here the deposit's rolling is open, and withdrawable money has no rolling.
    """
    due: dict[str, int] = {}
    for account, part in bet.funding.items():
        code = account.partition("/")[2]
        rolls = Decimal(policy["rolling"]["deposit"].get(code, "0")) > 0
        target = script.account(policy["destinations"][code]["before" if rolls else "after"])
        due[target] = due.get(target, 0) + part
    return due
