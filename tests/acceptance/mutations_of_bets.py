"""Broken rules of bets: which account pays a stake, and where refunds and winnings go."""

from collections.abc import Callable
from importlib import import_module
from typing import Any

import msgspec

from tests.acceptance.swap import Rule, broken
from wallet_runtime.contract.providers import LIVE, SLOTS, SPORTS

BETS = "wallet_runtime.wallet.domain.bets"


@broken("rollback to the first source", BETS, "rollback")
def a_rollback_gives_everything_to_the_first_source(
    rollback: Rule, request: Any, command: Any, state: Any, pair: Any
) -> Any:
    return _with_funding(rollback, request, command, state, pair, lambda bet: (_all_in_one(bet),))


@broken("rollback by today's balances", BETS, "rollback")
@broken("settlement by today's balances", BETS, "settle")
def a_bet_ends_by_what_the_player_holds_today(
    end: Rule, request: Any, command: Any, state: Any, pair: Any
) -> Any:
    """A settlement or rollback computes the bet's funding again, from today's balances."""
    return _with_funding(
        end, request, command, state, pair, lambda bet: _funded_today(bet, state, pair)
    )


@broken("slots by the sports rule", BETS, "authorize", SLOTS, SPORTS)
def bets_of_one_type_are_paid_by_the_rule_of_another(
    provider_type: str,
    other: str,
    authorize: Rule,
    request: Any,
    command: Any,
    state: Any,
    pair: Any,
) -> Any:
    rules = {**pair.policy.funding, provider_type: pair.policy.funding[other]}
    return authorize(request, command, state, _with_rules(pair, rules))


@broken("sports take casino money", BETS, "authorize", SPORTS)
@broken("live takes sports money", BETS, "authorize", LIVE)
@broken("slots take sports money", BETS, "authorize", SLOTS)
def money_of_other_games_pays_first(
    provider_type: str, authorize: Rule, request: Any, command: Any, state: Any, pair: Any
) -> Any:
    """Normal buckets of other games pay before the buckets that the policy allows."""
    rule = pair.policy.funding[provider_type]
    foreign = [
        bucket.code
        for bucket in pair.topology.buckets
        if bucket.kind == "normal" and bucket.code not in rule.sources
    ]
    wider = msgspec.structs.replace(rule, sources=(*foreign, *rule.sources))
    rules = {**pair.policy.funding, provider_type: wider}
    return authorize(request, command, state, _with_rules(pair, rules))


@broken("live takes withdrawable first", BETS, "authorize", LIVE)
def withdrawable_money_pays_first(
    provider_type: str, authorize: Rule, request: Any, command: Any, state: Any, pair: Any
) -> Any:
    """Withdrawable money pays before all other money, whatever the policy says."""
    rule = msgspec.structs.replace(pair.policy.funding[provider_type], withdrawable="first")
    rules = {**pair.policy.funding, provider_type: rule}
    return authorize(request, command, state, _with_rules(pair, rules))


@broken("winnings released early", BETS, "_due")
def winnings_are_released_before_the_rolling_is_done(
    due: Rule, bet: Any, share: Any, part: int, state: Any
) -> Any:
    """Winnings become withdrawable before the rolling is complete."""
    released = bet.policy_snapshot.destinations[share.account][1]
    return (type(share)(released, part),) if part else ()


@broken("answers without funding", BETS, "authorize")
def the_answer_does_not_say_what_paid(
    authorize: Rule, request: Any, command: Any, state: Any, pair: Any
) -> Any:
    decision = authorize(request, command, state, pair)
    body = {name: value for name, value in decision.body.items() if name != "funding"}
    return msgspec.structs.replace(decision, body=body)


@broken("a bet goes back before its wins", BETS, "rollback")
def a_bet_goes_back_before_its_wins(
    rollback: Rule, request: Any, command: Any, state: Any, pair: Any
) -> Any:
    """A settled bet is rolled back although further wins were paid on it."""
    return rollback(request, command, msgspec.structs.replace(state, further_wins=0), pair)


def _with_funding(
    rule: Rule, request: Any, command: Any, state: Any, pair: Any, funding: Callable[[Any], Any]
) -> Any:
    """Decide as if the open bet had another funding breakdown.

    The events keep the right breakdown. A wrong one would stay in the tables of the consumers, and
    reconciliation would report it for the rest of the platform's life.
    """
    bet = state.authorization
    if bet is None or bet.state != "AUTHORIZED":
        return rule(request, command, state, pair)
    other = msgspec.structs.replace(bet, funding=funding(bet))
    wrong = rule(request, command, msgspec.structs.replace(state, authorization=other), pair)
    return msgspec.structs.replace(wrong, events=rule(request, command, state, pair).events)


def _all_in_one(bet: Any) -> Any:
    return msgspec.structs.replace(bet.funding[0], amount=bet.stake)


def _funded_today(bet: Any, state: Any, pair: Any) -> Any:
    funding = import_module("wallet_runtime.wallet.domain.funding")
    rule = pair.policy.funding[bet.provider_type]
    try:
        return funding.fund(pair.topology, rule, state, bet.stake, None)
    except funding.NotEnough:
        return bet.funding


def _with_rules(pair: Any, rules: dict[str, Any]) -> Any:
    return msgspec.structs.replace(pair, policy=msgspec.structs.replace(pair.policy, funding=rules))
