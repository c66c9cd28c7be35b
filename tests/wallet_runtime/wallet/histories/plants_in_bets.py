"""Bugs in the rules of bets, rounds and turnover."""

from typing import Any

import msgspec

from tests.wallet_runtime.wallet.histories.planted import InRules, Patch
from wallet_runtime.wallet.domain import (
    bet_parts,
    bet_undo,
    bets,
    funding,
    turnover,
)
from wallet_runtime.wallet.domain.policy_snapshot import policy_snapshot
from wallet_runtime.wallet.domain.state import Request, Share, State

replace = msgspec.structs.replace


def _rest_to_the_first(patch: Patch) -> None:
    def split(payout: int, shares: tuple[Share, ...]) -> tuple[int, ...]:
        stake = sum(share.amount for share in shares)
        parts = [payout * share.amount // stake for share in shares]
        return (parts[0] + payout - sum(parts), *parts[1:])

    patch.setattr(funding, "split_payout", split)


def _rollback_to_the_first_source(patch: Patch) -> None:
    right = bet_parts.landed

    def landed(due: tuple[Share, ...], bet: Any, state: State) -> Any:
        return right(
            (Share(due[0].account, sum(share.amount for share in due)),)
            if due is bet.funding
            else due,
            bet,
            state,
        )

    patch.setattr(bet_parts, "landed", landed)


def _refill_hides_spent_winnings(patch: Patch) -> None:
    patch.setattr(bet_undo, "_kept", lambda account, state: state.balance(account))


def _settled_by_todays_policy(patch: Patch) -> None:
    right = bets.settle

    def settle(request: Request, command: Any, state: State, pair: Any) -> Any:
        bet = state.authorization
        if bet is not None and bet.funding:
            state = replace(
                state,
                authorization=replace(
                    bet, policy_snapshot=policy_snapshot(pair, bet.provider_type, bet.funding)
                ),
            )
        return right(request, command, state, pair)

    patch.setattr(bets, "settle", settle)


def _winnings_stay_after_rolling(patch: Patch) -> None:
    patch.setattr(
        bets,
        "_due",
        lambda bet, share, part, state: (
            (Share(bet.policy_snapshot.destinations[share.account][0], part),) if part else ()
        ),
    )


def _points_can_be_bet(patch: Patch) -> None:
    right = funding.paying_order
    fix = policy_snapshot
    patch.setattr(
        funding,
        "paying_order",
        lambda topology, *more: (*right(topology, *more), topology.account("POINTS")),
    )
    patch.setattr(
        bets,
        "policy_snapshot",
        lambda pair, kind, shares: fix(
            pair, kind, tuple(s for s in shares if not s.account.endswith("/POINTS"))
        ),
    )


def _withdrawable_always_usable(patch: Patch) -> None:
    right = funding.paying_order

    def order(topology: Any, rule: Any, *more: Any) -> Any:
        return right(
            topology,
            replace(rule, withdrawable="last") if rule.withdrawable == "not_usable" else rule,
            *more,
        )

    patch.setattr(funding, "paying_order", order)


def _tombstone_forgotten(patch: Patch) -> None:
    right = bets.authorize

    def authorize(request: Request, command: Any, state: State, pair: Any) -> Any:
        held = state.authorization
        return right(
            request,
            command,
            replace(state, authorization=None) if held and held.state == "TOMBSTONE" else state,
            pair,
        )

    patch.setattr(bets, "authorize", authorize)


def _no_limit_under_bonus(patch: Patch) -> None:
    patch.setattr(funding, "over_bonus_limit", lambda *arguments: None)


def _stakes_of_a_round_one_by_one(patch: Patch) -> None:
    patch.setattr(State, "staked_in_round", lambda self, round_id: {})


def _own_money_is_free_of_a_round(patch: Patch) -> None:
    right = funding.is_limited
    patch.setattr(
        funding,
        "is_limited",
        lambda topology, rule, state, currency: (
            right(topology, rule, state, currency) and _holds_bonus(state)
        ),
    )


def _holds_bonus(state: State) -> bool:
    return any(held and account.endswith("BONUS") for account, held in state.buckets.items())


def _a_push_counts(patch: Patch) -> None:
    patch.setattr(turnover, "counts", lambda snapshot, stake, payout: snapshot.counts != "never")


def _a_low_price_counts(patch: Patch) -> None:
    patch.setattr(
        turnover, "counting", lambda rule, price: "always" if rule.pushes else "unless_push"
    )


BETS = (
    InRules("the units left by rounding go to the first source", _rest_to_the_first),
    InRules("a rollback gives the whole stake to the first source", _rollback_to_the_first_source),
    InRules("a refill hides that winnings were spent", _refill_hides_spent_winnings),
    InRules("a bet is settled by the policy of today", _settled_by_todays_policy),
    InRules(
        "winnings stay where they were after the rolling is done", _winnings_stay_after_rolling
    ),
    InRules("points can be bet", _points_can_be_bet),
    InRules("withdrawable money pays where it may not", _withdrawable_always_usable),
    InRules("a tombstone is forgotten", _tombstone_forgotten),
    InRules("no limit to a bet under bonus", _no_limit_under_bonus),
    InRules("the stakes of a round are limited one by one", _stakes_of_a_round_one_by_one),
    InRules("own money joins a round that a bonus filled", _own_money_is_free_of_a_round),
    InRules("a push counts as turnover", _a_push_counts),
    InRules("a bet below the least price counts as turnover", _a_low_price_counts),
)
