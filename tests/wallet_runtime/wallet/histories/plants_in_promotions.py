"""Bugs in the rules of coupons, bonuses, cash and adjustments."""

from typing import Any

import msgspec

from tests.wallet_runtime.wallet.histories.planted import InRules, Patch
from wallet_runtime.wallet.domain import (
    adjustments,
    bonus,
    cash,
    coupons,
    points,
)
from wallet_runtime.wallet.domain.state import Request, State

replace = msgspec.structs.replace


def _one_person(patch: Patch) -> None:
    patch.setattr(adjustments, "_is_same", lambda one, other: one.name == other.name)


def _any_scope(patch: Patch) -> None:
    patch.setattr(coupons, "covers", lambda scope, provider_id, provider_type: True)


def _lapsed_coupons_pay(patch: Patch) -> None:
    patch.setattr(
        coupons,
        "usable",
        lambda grants: tuple(grant for grant in grants if grant.state == "ACTIVE"),
    )


def _paid_out_and_given_back(patch: Patch) -> None:
    patch.setitem(cash.TRANSITIONS, "paid", ("payout_failed",))


def _rejected_twice(patch: Patch) -> None:
    right = cash.reject

    def reject(request: Request, command: Any, state: State, pair: Any) -> Any:
        held = state.cash_transaction
        if held is not None and held.state == "rejected":
            state = replace(state, cash_transaction=replace(held, state="requested"))
        return right(request, command, state, pair)

    patch.setattr(cash, "reject", reject)


def _closed_coupon_keeps_its_stake(patch: Patch) -> None:
    right = coupons.landing
    patch.setattr(
        coupons,
        "landing",
        lambda account, state, withdrawable: right(account, state, withdrawable)[:1],
    )


def _staked_bonus_taken_back(patch: Patch) -> None:
    right = bonus._refuse_end
    patch.setattr(
        bonus,
        "_refuse_end",
        lambda command, held, state, pair, target: right(
            command, held, replace(state, staked={}), pair, target
        ),
    )


def _references_forgotten(patch: Patch) -> None:
    for module in (points, bonus):
        patch.setattr(module, "refuse_used", lambda command, reference, state, pair: None)


def _cash_owes_nothing(patch: Patch) -> None:
    right = cash.to_bucket
    patch.setattr(
        cash,
        "to_bucket",
        lambda *arguments: replace(right(*arguments), obligations_opened=(), events=()),
    )


PROMOTIONS = (
    InRules("one key under two names adjusts alone", _one_person, first=4),
    InRules("a coupon pays outside its scope", _any_scope),
    InRules("a lapsed coupon pays", _lapsed_coupons_pay),
    InRules("a paid withdrawal is given back", _paid_out_and_given_back),
    InRules("a withdrawal is rejected twice", _rejected_twice),
    InRules("a closed coupon keeps what returns to it", _closed_coupon_keeps_its_stake),
    InRules("a staked bonus is taken back", _staked_bonus_taken_back),
    InRules("a reference is used twice", _references_forgotten),
    InRules("cash that goes into a bucket owes nothing", _cash_owes_nothing),
)
