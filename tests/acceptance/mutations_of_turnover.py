"""Broken rules of rolling_worker: the turnover of a rolling, and which bets count toward it."""

import dataclasses
from typing import Any

from tests.acceptance.swap import Rule, broken
from wallet_runtime.contract.providers import LIVE, SLOTS, SPORTS

ROLLINGS = "wallet_runtime.rolling.domain"


@broken("sports turnover not counted", ROLLINGS, "count_turnover", SPORTS)
@broken("live turnover not counted", ROLLINGS, "count_turnover", LIVE)
@broken("slots turnover not counted", ROLLINGS, "count_turnover", SLOTS)
def bets_of_one_type_count_toward_no_rolling(
    provider_type: str, count_turnover: Rule, bet: Any, rollings: Any
) -> Any:
    return () if bet.provider_type == provider_type else count_turnover(bet, rollings)


@broken("turnover counts everywhere", ROLLINGS, "Rolling.is_fed_by")
def a_bet_counts_toward_every_rolling_of_its_currency(
    is_fed_by: Rule, rolling: Any, bet: Any, share: Any
) -> bool:
    """A bet counts toward a rolling whatever bucket paid its stake."""
    return bool(bet.currency == rolling.currency)


@broken("half the turnover", ROLLINGS, "open_rolling")
def a_rolling_asks_for_half_the_turnover(open_rolling: Rule, *given: Any, **more: Any) -> Any:
    opening = open_rolling(*given, **more)
    return dataclasses.replace(opening, target_turnover=opening.target_turnover // 2)


@broken("inherited turnover a unit too much", ROLLINGS, "hand_on")
def a_part_takes_a_unit_too_much_along(hand_on: Rule, *given: Any) -> Any:
    """Each part of a split rolling carries one unit too much turnover."""
    return tuple(dataclasses.replace(part, turnover=part.turnover + 1) for part in hand_on(*given))
