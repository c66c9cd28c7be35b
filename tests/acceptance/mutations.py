"""Rules of the runtime that are broken on purpose: `python -m tests.acceptance.mutations 'RULE + RULE' PROCESS` runs a process so.

Each mutation swaps one named thing before the process imports what uses it; a name that is not there any more stops the start.
"""

import dataclasses
import sys
from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any
from uuid import uuid4

import msgspec

from tests.acceptance.movement_mutations import MOVEMENTS
from tests.acceptance.swap import Rule, swap
from wallet_runtime.contract.money import CASH_AVAILABLE, CASH_PENDING, POINTS_CURRENCY
from wallet_runtime.contract.providers import LIVE, SLOTS, SPORTS
from wallet_runtime.plumbing.runtime.settings import Settings

BETS = "wallet_runtime.wallet.domain.bets"
CASH = "wallet_runtime.wallet.domain.cash"
MONEY = "wallet_runtime.wallet.store.money"
VALIDATION = "wallet_runtime.wallet.domain.validation"
ROLLINGS = "wallet_runtime.rolling.domain"


def nothing() -> None:
    """Break no rule: for a process that differs by its environment alone."""


def other_code(digest: str = "f" * 64) -> None:
    """A process was started from other files than those that lie there now."""
    swap("sql.code", "code_digest", lambda original: lambda: digest)


# --- wallet_service: bets


def rollback_to_first_source() -> None:
    """A rollback gives everything to the first source."""

    def make(rollback: Rule) -> Rule:
        def broken(request: Any, command: Any, state: Any, pair: Any) -> Any:
            return _with_funding(
                rollback, request, command, state, pair, lambda bet: (_all_in_one(bet),)
            )

        return broken

    swap(BETS, "rollback", make)


def by_todays_balances(rule: str) -> None:
    """A settlement or rollback finds the bet's funding anew, in what the player holds now."""

    def make(original: Rule) -> Rule:
        def broken(request: Any, command: Any, state: Any, pair: Any) -> Any:
            return _with_funding(
                original, request, command, state, pair, lambda bet: _funded_today(bet, state, pair)
            )

        return broken

    swap(BETS, rule, make)


def pays_by_rule_of(provider_type: str, other: str) -> None:
    """Bets of one provider type are paid by another's rule."""

    def make(authorize: Rule) -> Rule:
        def broken(request: Any, command: Any, state: Any, pair: Any) -> Any:
            rules = {**pair.policy.funding, provider_type: pair.policy.funding[other]}
            return authorize(request, command, state, _with_rules(pair, rules))

        return broken

    swap(BETS, "authorize", make)


def takes_foreign_money_first(provider_type: str) -> None:
    """Bets of one provider type are paid by the normal buckets of other games first, and by their own last."""

    def make(authorize: Rule) -> Rule:
        def broken(request: Any, command: Any, state: Any, pair: Any) -> Any:
            rule = pair.policy.funding[provider_type]
            foreign = [
                bucket.code
                for bucket in pair.topology.buckets
                if bucket.kind == "normal" and bucket.code not in rule.sources
            ]
            wider = msgspec.structs.replace(rule, sources=(*foreign, *rule.sources))
            return authorize(
                request,
                command,
                state,
                _with_rules(pair, {**pair.policy.funding, provider_type: wider}),
            )

        return broken

    swap(BETS, "authorize", make)


def winnings_released_early() -> None:
    """Winnings go where they go once the rolling is done, though it is not."""

    def make(due: Rule) -> Rule:
        def broken(bet: Any, share: Any, part: int, state: Any) -> Any:
            return (
                (type(share)(bet.policy_snapshot.destinations[share.account][1], part),)
                if part
                else ()
            )

        return broken

    swap(BETS, "_due", make)


def answers_without_funding() -> None:
    """The answer to a bet does not say what paid for it."""

    def make(authorize: Rule) -> Rule:
        def broken(request: Any, command: Any, state: Any, pair: Any) -> Any:
            decision = authorize(request, command, state, pair)
            body = {name: value for name, value in decision.body.items() if name != "funding"}
            return msgspec.structs.replace(decision, body=body)

        return broken

    swap(BETS, "authorize", make)


def _with_funding(
    rule: Rule, request: Any, command: Any, state: Any, pair: Any, funding: Callable[[Any], Any]
) -> Any:
    """Decide as if the stored breakdown of an open bet were another one.

    The event tells the right one: a wrong one stays, and reconciliation finds it for as long as the platform lives.
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
    try:
        return funding.fund(
            pair.topology, pair.policy.funding[bet.provider_type], state, bet.stake, None
        )
    except funding.NotEnough:
        return bet.funding


def _with_rules(pair: Any, rules: dict[str, Any]) -> Any:
    return msgspec.structs.replace(pair, policy=msgspec.structs.replace(pair.policy, funding=rules))


# --- wallet_service: cash, release, snapshot, request ids


def releases_nothing() -> None:
    """A completed rolling is closed, and its bucket keeps the money."""

    def make(complete: Rule) -> Rule:
        return lambda *given: msgspec.structs.replace(complete(*given), legs=(), transfers=())

    swap("wallet_runtime.wallet.domain.rolling", "complete", make)


def cash_deposit_stays_pending() -> None:
    """A deposit to cash is credited where no withdrawal reaches it."""

    def make(deposit: Rule) -> Rule:
        def broken(request: Any, command: Any, state: Any, pair: Any) -> Any:
            decision = deposit(request, command, state, pair)
            if command.bucket is not None:
                return decision
            legs = [
                msgspec.structs.replace(leg, account=CASH_PENDING)
                if leg.account == CASH_AVAILABLE
                else leg
                for leg in decision.legs
            ]
            return msgspec.structs.replace(decision, legs=tuple(legs))

        return broken

    swap(CASH, "deposit", make)


def paid_without_moving() -> None:
    """A withdrawal is marked as paid, and its money stays pending."""
    swap(
        CASH,
        "mark_paid",
        lambda mark_paid: lambda *given: msgspec.structs.replace(mark_paid(*given), legs=()),
    )


def snapshot_without_version() -> None:
    """A player's snapshot names the topology without its version."""

    def make(snapshot: Rule) -> Rule:
        def broken(*given: Any) -> Any:
            shown = snapshot(*given)
            return {**shown, "topology": {"code": shown["topology"]["code"]}}

        return broken

    swap("wallet_runtime.wallet.domain.snapshot", "snapshot", make)


def repeat_is_refused() -> None:
    """A request that comes twice is answered as if its payload had changed."""

    def refuse(request: Any, stored: Any) -> Any:
        raise import_module("wallet_runtime.plumbing.errors").PayloadMismatch

    swap(MONEY, "replay", lambda original: refuse)


def mismatch_is_replayed() -> None:
    """A request id with another payload gets the first one's answer."""
    swap(MONEY, "replay", lambda original: lambda request, stored: (stored.status, stored.body))


# --- wallet_service: validation


def points_may_be_staked() -> None:
    """Validation takes points for money that can be bet."""
    swap(VALIDATION, "STAKEABLE_KINDS", lambda kinds: (*kinds, "points"))


def points_may_become_withdrawable() -> None:
    """Validation does not look at what points are turned into."""
    swap(VALIDATION, "_points_targets", lambda original: lambda topology, policy: iter(()))


def anything_may_be_stranded() -> None:
    """Validation does not look at what players hold."""
    swap(
        VALIDATION, "validate_live_state", lambda original: lambda topology, active, references: []
    )


def meaning_may_change() -> None:
    """Validation sees a bucket in use that goes missing, but not one that changes its kind."""

    def make(reachable: Rule) -> Rule:
        return lambda *given: (
            found for found in reachable(*given) if "change its meaning" not in found.message
        )

    swap(VALIDATION, "_reachable", make)


# --- rolling_worker


def turnover_ignores(provider_type: str) -> None:
    """Bets of one provider type count toward no rolling."""

    def make(count: Rule) -> Rule:
        return lambda bet, rollings: (
            () if bet.provider_type == provider_type else count(bet, rollings)
        )

    swap(ROLLINGS, "count_turnover", make)


def turnover_counts_everywhere() -> None:
    """A bet counts toward every rolling of its currency, whatever bucket paid."""
    swap(
        ROLLINGS,
        "Rolling.is_fed_by",
        lambda original: lambda rolling, bet, share: bet.currency == rolling.currency,
    )


def half_the_turnover() -> None:
    """A rolling asks for half of what the policy says."""

    def make(open_rolling: Rule) -> Rule:
        def broken(*given: Any, **more: Any) -> Any:
            opening = open_rolling(*given, **more)
            return dataclasses.replace(opening, target_turnover=opening.target_turnover // 2)

        return broken

    swap(ROLLINGS, "open_rolling", make)


# --- game_service, player_service, any process


def repeat_is_a_new_bet() -> None:
    """A provider's repeat of a bet reaches the wallet as another bet under another request id."""
    seen: set[str] = set()

    def make(forward: Rule) -> Rule:
        def broken(
            client: Any,
            call: Any,
            process: str,
            method: str,
            path: str,
            body: Any = None,
            **more: Any,
        ) -> Any:
            if path.endswith("/authorize") and call.request_id in seen:
                return forward(
                    client,
                    call,
                    process,
                    method,
                    path,
                    {**body, "bet_id": str(uuid4())},
                    request_id=str(uuid4()),
                )
            seen.add(call.request_id)
            return forward(client, call, process, method, path, body, **more)

        return broken

    swap("wallet_runtime.plumbing.http.service_client", "ServiceClient.forward", make)


def points_are_withdrawn_as_money() -> None:
    """A withdrawal in points is taken for one in the player's own money."""

    def make(move: Rule) -> Rule:
        def broken(
            context: Any, call: Any, path: str, amount: str, currency: str, further: Any
        ) -> Any:
            return move(
                context,
                call,
                path,
                amount,
                "EUR" if currency == POINTS_CURRENCY else currency,
                further,
            )

        return broken

    swap("wallet_runtime.player.api", "_move", make)


def any_token_will_do() -> None:
    """Internal routes admit whoever shows any token, as one that is shared by all would."""
    auth = import_module("wallet_runtime.plumbing.http.auth")

    def broken(settings: Settings, attempt: Any) -> Any:
        if not attempt.headers.get("X-Internal-Service-Token"):
            raise auth.Unauthorized
        return auth.Identity(attempt.headers.get("X-Caller-Service"))

    swap("wallet_runtime.plumbing.http.auth", "internal", lambda original: broken)


MUTATIONS: dict[str, Callable[[], None]] = {
    "none": nothing,
    "rollback to the first source": rollback_to_first_source,
    "rollback by today's balances": partial(by_todays_balances, "rollback"),
    "settlement by today's balances": partial(by_todays_balances, "settle"),
    "slots by the sports rule": partial(pays_by_rule_of, SLOTS, SPORTS),
    "sports take casino money": partial(takes_foreign_money_first, SPORTS),
    "live takes sports money": partial(takes_foreign_money_first, LIVE),
    "slots take sports money": partial(takes_foreign_money_first, SLOTS),
    "winnings released early": winnings_released_early,
    "answers without funding": answers_without_funding,
    "release missing": releases_nothing,
    "cash deposit stays pending": cash_deposit_stays_pending,
    "paid without moving": paid_without_moving,
    "snapshot without topology version": snapshot_without_version,
    "repeat refused": repeat_is_refused,
    "mismatch accepted": mismatch_is_replayed,
    "points may be staked": points_may_be_staked,
    "points may become withdrawable": points_may_become_withdrawable,
    "anything may be stranded": anything_may_be_stranded,
    "meaning may change": meaning_may_change,
    "sports turnover not counted": partial(turnover_ignores, SPORTS),
    "live turnover not counted": partial(turnover_ignores, LIVE),
    "slots turnover not counted": partial(turnover_ignores, SLOTS),
    "turnover counts everywhere": turnover_counts_everywhere,
    "half the turnover": half_the_turnover,
    "repeat is a new bet": repeat_is_a_new_bet,
    "points withdrawn as money": points_are_withdrawn_as_money,
    "any token will do": any_token_will_do,
    "other code": other_code,
    "no code told": partial(other_code, ""),
    **MOVEMENTS,
}


def main(rule: str, process: str) -> int:
    """Break the rules, then be the process."""
    for each in rule.split(" + "):
        MUTATIONS[each]()
    return int(import_module("wallet_runtime.__main__").main([process]))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
