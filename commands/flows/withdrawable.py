"""FLOW-12: a bet of a player who holds withdrawable money.

The flow is played at every provider, so it covers each rule of the active policy for such money.
"""

from collections import Counter
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
BEYOND_NORMAL = "a bet that only withdrawable money could pay"


def every_policy(actor: Actor) -> dict[str, object]:
    """FLOW-12: withdrawable money pays last, first or never, as the provider type's rule says."""
    demand_topology("FLOW-12", actor)
    return {"played": {provider: _play(actor, provider) for provider in PROVIDERS}}


def _play(actor: Actor, provider: str) -> dict[str, object]:
    """Place a bet at this provider by its rule, and settle the bet with its stake."""
    script = begin("FLOW-12", actor, provider)
    policy = script.active_documents()["policy"]
    rule = policy["funding"][PROVIDERS[provider]]
    use = rule.get("withdrawable", "last")
    _earn(script, policy, provider)
    bet = (_pick if rule["mode"] == "selection" else _in_order)(script, provider, use)
    _settle(script, policy, bet)
    script.tips_agree()
    return {"withdrawable": use, "funding": bet.funding}


def _settle(script: Script, policy: dict[str, Any], bet: Bet) -> None:
    part = script.minor(PART)
    script.settle(bet, PART if sum(bet.funding.values()) == part else STAKE, key="paid")
    script.expect_paid("where the winnings went", bet, _destinations(script, policy, bet))
    script.expect("what the player holds in all at the end", script.total_held(), 2 * part)


def _earn(script: Script, policy: dict[str, Any], provider: str) -> None:
    """Earn withdrawable money, then deposit the same amount as normal money."""
    combined = _combined(policy)
    if not combined:
        raise CheckFailed(
            f"{script.title}: expected a provider type under a combined rule to earn withdrawable "
            "money with, found none"
        )
    roll_over(script, provider if provider in combined else combined[0], PART, key="earn")
    script.deposit(PART, key="beside", bucket=script.normal(provider))


def _combined(policy: dict[str, Any]) -> list[str]:
    """Return the providers whose bets several sources may pay together."""
    rules = policy["funding"]
    return [name for name, kind in PROVIDERS.items() if rules[kind]["mode"] == "combined"]


def _in_order(script: Script, provider: str, use: str) -> Bet:
    normal, withdrawable = script.account(script.normal(provider)), script.account(WITHDRAWABLE)
    part = script.minor(PART)
    if use == "not_usable":
        what, refusal = BEYOND_NORMAL, script.authorize(provider, STAKE, key="beyond")
        script.refused(what, refusal, (409,), INSUFFICIENT_FUNDS)
        return _bet(script, provider, PART, {normal: part})
    first, second = (withdrawable, normal) if use == "first" else (normal, withdrawable)
    return _bet(script, provider, STAKE, {first: part, second: script.minor(STAKE) - part})


def _pick(script: Script, provider: str, use: str) -> Bet:
    """Choose the source as the player, and bet. A forbidden choice of withdrawable is refused."""
    picked = WITHDRAWABLE
    if use == "not_usable":
        picked = script.normal(provider)
        answer = script.choose(provider, WITHDRAWABLE)
        script.refused("the choice of the withdrawable bucket", answer, (422,), SOURCE_INVALID)
    script.accepted(f"the choice of {picked}", script.choose(provider, picked))
    return _bet(script, provider, PART, {script.account(picked): script.minor(PART)})


def _bet(script: Script, provider: str, amount: str, funding: dict[str, int]) -> Bet:
    bet = script.bet(provider, amount, key="paid")
    script.expect("the funding breakdown", bet.funding, funding)
    script.expect_taken("what the bet took", bet)
    return bet


def _destinations(script: Script, policy: dict[str, Any], bet: Bet) -> dict[str, int]:
    """Return minor units per account for a payout that equals the stake.

    Winnings of a bucket with an open rolling go to the `before` destination of the policy, all
    others to `after`. Here the deposit's rolling is open, and withdrawable money has no rolling.
    """
    due = Counter[str]()
    for account, part in bet.funding.items():
        code = account.partition("/")[2]
        rolls = Decimal(policy["rolling"]["deposit"].get(code, "0")) > 0
        due[script.account(policy["destinations"][code]["before" if rolls else "after"])] += part
    return dict(due)
