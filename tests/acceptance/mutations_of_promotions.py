"""Broken rules of coupons, bonuses, points and transfers."""

from importlib import import_module
from typing import Any

from tests.acceptance.swap import Rule, broken
from wallet_runtime.contract.providers import LIVE, SPORTS

BONUS = "wallet_runtime.wallet.domain.bonus"
COUPONS = "wallet_runtime.wallet.domain.coupons"
POINTS = "wallet_runtime.wallet.domain.points"
TRANSFERS = "wallet_runtime.wallet.domain.transfers"


@broken("sports coupons everywhere", COUPONS, "covers", "sports")
@broken("casino coupons everywhere", COUPONS, "covers", "casino")
@broken("provider coupons everywhere", COUPONS, "covers", "provider")
def coupons_of_one_scope_pay_at_every_game(kind: str, covers: Rule, scope: Any, *where: Any) -> Any:
    return scope.kind == kind or covers(scope, *where)


@broken("one bonus at a time", BONUS, "issue")
def a_player_who_owes_turnover_gets_no_other_bonus(
    issue: Rule, request: Any, command: Any, state: Any, pair: Any
) -> Any:
    decision = issue(request, command, state, pair)
    if not state.obligations:
        return decision
    refuse = import_module("wallet_runtime.wallet.domain.decision").refuse
    says = (409, "BONUS_ACTIVE", "one at a time")
    return refuse(decision.command, pair, *says, starts_new=True)


@broken("bonus brings no rolling", BONUS, "require_turnover", BONUS)
@broken("points bring no rolling", POINTS, "require_turnover", POINTS)
def money_comes_without_a_rolling(module: str, require_turnover: Rule, *given: Any) -> Any:
    """Granted money requires no turnover."""
    return import_module(module).Required()


@broken("turnover stays in sports", TRANSFERS, "_carry", LIVE)
@broken("turnover stays in casino", TRANSFERS, "_carry", SPORTS)
def transferred_money_leaves_its_turnover_behind(
    provider_type: str, carry: Rule, request: Any, pair: Any, target: Any, owed: Any, *amounts: int
) -> Any:
    """Money moves to the bucket of these games, but its open turnover stays in the old bucket."""
    left = () if provider_type in target.provider_types else owed
    return carry(request, pair, target, left, *amounts)


@broken("alias is a transfer", TRANSFERS, "legacy_transfer")
def a_legacy_alias_is_a_transfer(
    legacy_transfer: Rule, request: Any, command: Any, state: Any, pair: Any
) -> Any:
    """A legacy transfer is executed even if both of its sides are the same bucket."""
    transfers = import_module(TRANSFERS)
    other = "casino" if command.from_side == "sports" else "sports"
    ends = (transfers._normal(pair.topology, side).code for side in (command.from_side, other))
    moved = transfers.Transfer(*ends, command.amount, command.currency)
    return transfers.transfer(request, moved, state, pair)
