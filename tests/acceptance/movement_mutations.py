"""Broken rules of coupons, bonuses, points, transfers, withdrawable money and callbacks; `mutations` says how a process gets one."""

import dataclasses
import json
from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any

import msgspec

from tests.acceptance.swap import Rule, swap
from wallet_runtime.contract.providers import LIVE, SPORTS

BONUS = "wallet_runtime.wallet.domain.bonus"
COUPONS = "wallet_runtime.wallet.domain.coupons"
POINTS = "wallet_runtime.wallet.domain.points"
TRANSFERS = "wallet_runtime.wallet.domain.transfers"


def coupons_pay_everywhere(kind: str) -> None:
    """Coupons of one scope may be staked at every game."""

    def make(covers: Rule) -> Rule:
        return lambda scope, *where: scope.kind == kind or covers(scope, *where)

    swap(COUPONS, "covers", make)


def one_bonus_at_a_time() -> None:
    """A player who still owes turnover for a bonus gets no other."""

    def make(issue: Rule) -> Rule:
        def broken(request: Any, command: Any, state: Any, pair: Any) -> Any:
            decision = issue(request, command, state, pair)
            refuse = import_module("wallet_runtime.wallet.domain.decision").refuse
            return (
                refuse(
                    decision.command, pair, 409, "BONUS_ACTIVE", "one at a time", starts_new=True
                )
                if state.obligations
                else decision
            )

        return broken

    swap(BONUS, "issue", make)


def brings_no_rolling(module: str) -> None:
    """Money comes into a bucket, and nothing has to be turned over for it."""
    swap(
        module, "require_turnover", lambda original: lambda *given: import_module(module).Required()
    )


def turnover_stays_behind(provider_type: str) -> None:
    """Money that is transferred to the bucket of these games leaves its turnover where it was."""

    def make(carry: Rule) -> Rule:
        def broken(request: Any, pair: Any, target: Any, owed: Any, amount: int, held: int) -> Any:
            return carry(
                request,
                pair,
                target,
                () if provider_type in target.provider_types else owed,
                amount,
                held,
            )

        return broken

    swap(TRANSFERS, "_carry", make)


def alias_is_a_transfer() -> None:
    """A legacy alias is taken for a transfer, also where there is nowhere to go."""

    def make(legacy: Rule) -> Rule:
        def broken(request: Any, command: Any, state: Any, pair: Any) -> Any:
            transfers = import_module(TRANSFERS)
            other = "casino" if command.from_side == "sports" else "sports"
            ends = (
                transfers._normal(pair.topology, side).code for side in (command.from_side, other)
            )
            return transfers.transfer(
                request, transfers.Transfer(*ends, command.amount, command.currency), state, pair
            )

        return broken

    swap(TRANSFERS, "legacy_transfer", make)


def withdrawable_pays_first(provider_type: str) -> None:
    """Bets of one provider type take withdrawable money before anything else, whatever the policy says."""

    def make(authorize: Rule) -> Rule:
        def broken(request: Any, command: Any, state: Any, pair: Any) -> Any:
            rule = msgspec.structs.replace(pair.policy.funding[provider_type], withdrawable="first")
            policy = msgspec.structs.replace(
                pair.policy, funding={**pair.policy.funding, provider_type: rule}
            )
            return authorize(request, command, state, msgspec.structs.replace(pair, policy=policy))

        return broken

    swap("wallet_runtime.wallet.domain.bets", "authorize", make)


def inherited_turnover_is_a_unit_too_much() -> None:
    """A part of a rolling takes a unit more along than its part of the balance."""

    def make(hand_on: Rule) -> Rule:
        return lambda *given: tuple(
            dataclasses.replace(part, turnover=part.turnover + 1) for part in hand_on(*given)
        )

    swap("wallet_runtime.rolling.domain", "hand_on", make)


def callbacks_may_say_more() -> None:
    """What a body says beyond its fields is dropped, as if it had not been said."""

    def make(parse: Rule) -> Rule:
        def broken(raw: bytes, content_type: Any, shape: Any) -> Any:
            known: tuple[str, ...] = getattr(shape, "__struct_fields__", ())
            said = json.loads(raw) if known else None
            return parse(
                json.dumps({name: said[name] for name in said if name in known}).encode()
                if said
                else raw,
                content_type,
                shape,
            )

        return broken

    swap("wallet_runtime.plumbing.http.body", "parse", make)


def cash_owes_nothing() -> None:
    """Cash goes into a bucket, and nothing has to be turned over for it."""

    def make(to_bucket: Rule) -> Rule:
        return lambda *given: msgspec.structs.replace(
            to_bucket(*given), obligations_opened=(), events=()
        )

    swap("wallet_runtime.wallet.domain.cash", "to_bucket", make)


def nothing_is_locked() -> None:
    """A rolling lapses, and its money is as free as before."""
    swap("wallet_runtime.wallet.domain.locks", "lock_share", lambda original: lambda *given: ())


def reversed_wins_stay_paid() -> None:
    """The reversal of a win is answered and moves nothing, and the win counts as paid."""

    def make(reverse: Rule) -> Rule:
        return lambda *given: msgspec.structs.replace(
            reverse(*given), legs=(), win=None, locks=(), events=()
        )

    swap("wallet_runtime.wallet.domain.wins", "reverse", make)


def bets_go_back_before_their_wins() -> None:
    """A settled bet is taken back although further wins were paid on it."""

    def make(rollback: Rule) -> Rule:
        return lambda request, command, state, pair: rollback(
            request, command, msgspec.structs.replace(state, further_wins=0), pair
        )

    swap("wallet_runtime.wallet.domain.bets", "rollback", make)


MOVEMENTS: dict[str, Callable[[], None]] = {
    "sports coupons everywhere": partial(coupons_pay_everywhere, "sports"),
    "casino coupons everywhere": partial(coupons_pay_everywhere, "casino"),
    "provider coupons everywhere": partial(coupons_pay_everywhere, "provider"),
    "one bonus at a time": one_bonus_at_a_time,
    "bonus brings no rolling": partial(brings_no_rolling, BONUS),
    "points bring no rolling": partial(brings_no_rolling, POINTS),
    "turnover stays in sports": partial(turnover_stays_behind, LIVE),
    "turnover stays in casino": partial(turnover_stays_behind, SPORTS),
    "inherited turnover a unit too much": inherited_turnover_is_a_unit_too_much,
    "alias is a transfer": alias_is_a_transfer,
    "live takes withdrawable first": partial(withdrawable_pays_first, LIVE),
    "callbacks may say more": callbacks_may_say_more,
    "a reversed win stays paid": reversed_wins_stay_paid,
    "a bet goes back before its wins": bets_go_back_before_their_wins,
    "a lapsed rolling locks nothing": nothing_is_locked,
    "cash that goes into a bucket owes nothing": cash_owes_nothing,
}
