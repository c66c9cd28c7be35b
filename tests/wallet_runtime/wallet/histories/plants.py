"""Bugs to plant: each a way in which rules or SQL could be wrong, all of different kinds. The machine must see every one of them."""

from collections.abc import Callable
from typing import Any, NamedTuple
from uuid import uuid4

import msgspec
import psycopg
import pytest

from wallet_runtime.wallet.domain import (
    adjustments,
    bet_parts,
    bets,
    bonus,
    cash,
    coupons,
    funding,
    locks,
    obligations,
    points,
    rolling,
    transfers,
    turnover,
    wins,
)
from wallet_runtime.wallet.domain.decision import Decision
from wallet_runtime.wallet.domain.reads import Reads
from wallet_runtime.wallet.domain.records import LockChange
from wallet_runtime.wallet.domain.state import Request, Share, State
from wallet_runtime.wallet.store import money, player_cache
from wallet_runtime.wallet.store.money import Decide, Money
from wallet_runtime.wallet.store.player_cache import Basis, PlayerStateCache

Patch = pytest.MonkeyPatch
replace = msgspec.structs.replace


class InRules(NamedTuple):
    """A fault in the rules, or in the store around them. The batch `first` is known to find it, and is played before the others."""

    name: str
    plant: Callable[[Patch], None]
    first: int = 0


class InSql(NamedTuple):
    """A fault in a function of the database: what stands there, and what stands there instead. `first` as in `InRules`."""

    name: str
    function: str
    right: str
    wrong: str
    first: int = 0

    def plant(self, superuser: psycopg.Connection[Any]) -> None:
        """Replace the function in this database alone."""
        row = superuser.execute(
            "SELECT pg_get_functiondef(%s::regproc)", [f"wallet.{self.function}"]
        ).fetchone()
        assert row is not None and self.right in row[0], (
            f"{self.function} does not hold {self.right!r} any more: mend the plant"
        )
        superuser.execute(row[0].replace(self.right, self.wrong).encode())


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


def _one_person(patch: Patch) -> None:
    patch.setattr(adjustments, "_is_same", lambda one, other: one.name == other.name)


def _refill_hides_spent_winnings(patch: Patch) -> None:
    patch.setattr(bets, "_kept", lambda account, state: state.balance(account))


def _any_scope(patch: Patch) -> None:
    patch.setattr(coupons, "covers", lambda scope, provider_id, provider_type: True)


def _lapsed_coupons_pay(patch: Patch) -> None:
    patch.setattr(
        coupons,
        "usable",
        lambda grants: tuple(grant for grant in grants if grant.state == "ACTIVE"),
    )


def _no_cap_on_release(patch: Patch) -> None:
    for module in (rolling, coupons):
        patch.setattr(
            module,
            "release",
            lambda source, target, held, cap, currency: obligations.release(
                source, target, held, None, currency
            ),
        )


def _caps_rounded_up(patch: Patch) -> None:
    right = transfers._carry

    def carry(request: Request, pair: Any, target: Any, owed: Any, amount: int, held: int) -> Any:
        carried = right(request, pair, target, owed, amount, held)
        capped = tuple(replace(each, cap=each.cap and each.cap + 1) for each in carried.opened)
        return replace(carried, opened=capped)

    patch.setattr(transfers, "_carry", carry)


def _settled_by_todays_policy(patch: Patch) -> None:
    right = bets.settle

    def settle(request: Request, command: Any, state: State, pair: Any) -> Any:
        bet = state.authorization
        if bet is not None and bet.funding:
            state = replace(
                state,
                authorization=replace(
                    bet, policy_snapshot=bets._snapshot(pair, bet.provider_type, bet.funding)
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


def _points_can_be_bet(patch: Patch) -> None:
    right = funding.paying_order
    fix = bets._snapshot
    patch.setattr(
        funding,
        "paying_order",
        lambda topology, *more: (*right(topology, *more), topology.account("POINTS")),
    )
    patch.setattr(
        bets,
        "_snapshot",
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


def _turnover_lost_in_a_transfer(patch: Patch) -> None:
    right = transfers._carry

    def carry(request: Request, pair: Any, target: Any, owed: Any, amount: int, held: int) -> Any:
        return right(request, pair, target, owed[:1], amount, held)

    patch.setattr(transfers, "_carry", carry)


def _request_id_minted_per_try(patch: Patch) -> None:
    right = Money.perform

    def perform(self: Money, request: Request, reads: Reads, decide: Decide) -> Any:
        return right(
            self, replace(request, request_id=str(uuid4()), transaction_id=uuid4()), reads, decide
        )

    patch.setattr(Money, "perform", perform)


def _any_payload(patch: Patch) -> None:
    patch.setattr(money, "replay", lambda request, stored: (stored.status, stored.body))


def _own_command_not_remembered(patch: Patch) -> None:
    right = player_cache._after
    patch.setattr(
        player_cache, "_after", lambda state, decision: right(state, replace(decision, legs=()))
    )


def _coupons_not_remembered(patch: Patch) -> None:
    right = PlayerStateCache.put

    def keep(
        self: PlayerStateCache, request: Request, state: State, decision: Decision, basis: Basis
    ) -> None:
        right(self, request, replace(state, grants=()), decision, basis)

    patch.setattr(PlayerStateCache, "put", keep)


def _nothing_is_locked(patch: Patch) -> None:
    patch.setattr(locks, "lock_share", lambda state, owed: ())


def _locked_share_rounded_down(patch: Patch) -> None:
    def lock_share(state: State, owed: Any) -> Any:
        free = max(
            0,
            state.balance(owed.account)
            + state.staked_on(owed.account)
            - state.locked_on(owed.account),
        )
        amounts = sum(one.weight for one in state.obligations if one.account == owed.account) or 1
        share = free * owed.amount // amounts
        return (LockChange(owed.account, share),) if share else ()

    patch.setattr(locks, "lock_share", lock_share)


def _open_stakes_escape_a_lock(patch: Patch) -> None:
    right = locks.lock_share
    patch.setattr(locks, "lock_share", lambda state, owed: right(replace(state, staked={}), owed))


def _locked_money_is_released(patch: Patch) -> None:
    patch.setattr(locks, "unlocked", lambda state, account: state.balance(account))


def _locked_money_comes_back_free(patch: Patch) -> None:
    right = bets._due
    patch.setattr(
        bets,
        "_due",
        lambda bet, share, part, state: right(bet, share, part, replace(state, locked={})),
    )


def _a_transfer_sheds_locks(patch: Patch) -> None:
    patch.setattr(
        locks,
        "moved",
        lambda state, source, target, amount: locks.relocked(
            state, {source: -amount, target: amount}
        ),
    )


def _an_undone_loss_comes_back_free(patch: Patch) -> None:
    right = bets.rollback
    patch.setattr(
        bets,
        "rollback",
        lambda request, command, state, pair: right(
            request, command, replace(state, lifted={}), pair
        ),
    )


def _lost_money_stays_locked(patch: Patch) -> None:
    right = bets.settle
    patch.setattr(bets, "settle", lambda *arguments: replace(right(*arguments), locks=()))


def _released_on_anybodys_word(patch: Patch) -> None:
    right = rolling.complete
    patch.setattr(
        rolling,
        "complete",
        lambda request, command, state, pair: right(
            request, command, replace(state, open_turnover=0), pair
        ),
    )


def _earned_money_is_released_on_anybodys_word(patch: Patch) -> None:
    right = rolling.close
    patch.setattr(
        rolling,
        "close",
        lambda request, command, state, pair: right(
            request, command, replace(state, open_turnover=0), pair
        ),
    )


def _parts_ask_for_no_turnover(patch: Patch) -> None:
    right = transfers._carry

    def carry(request: Request, pair: Any, target: Any, owed: Any, amount: int, held: int) -> Any:
        carried = right(request, pair, target, owed, amount, held)
        return replace(carried, opened=tuple(replace(each, required=0) for each in carried.opened))

    patch.setattr(transfers, "_carry", carry)


def _small_parts_weigh_as_much(patch: Patch) -> None:
    right = transfers._carry

    def carry(request: Request, pair: Any, target: Any, owed: Any, amount: int, held: int) -> Any:
        carried = right(request, pair, target, owed, amount, held)
        return replace(
            carried, opened=tuple(replace(each, amount=amount) for each in carried.opened)
        )

    patch.setattr(transfers, "_carry", carry)


def _earned_money_is_locked(patch: Patch) -> None:
    patch.setattr(
        rolling,
        "pass_on",
        lambda owed, others: tuple(
            replace(change, earned=0) for change in obligations.pass_on(owed, others)
        ),
    )


def _a_lapse_in_between_is_forgotten(patch: Patch) -> None:
    right = bets.rollback
    patch.setattr(
        bets,
        "rollback",
        lambda request, command, state, pair: right(
            request, command, replace(state, lapsed=()), pair
        ),
    )


def _references_forgotten(patch: Patch) -> None:
    for module in (points, bonus):
        patch.setattr(module, "refuse_used", lambda command, reference, state, pair: None)


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


def _cash_owes_nothing(patch: Patch) -> None:
    right = cash.to_bucket
    patch.setattr(
        cash,
        "to_bucket",
        lambda *arguments: replace(right(*arguments), obligations_opened=(), events=()),
    )


def _wins_paid_again(patch: Patch) -> None:
    right = wins.pay

    def pay(request: Request, command: Any, state: State, pair: Any) -> Any:
        if state.win is None:
            return right(request, command, state, pair)
        again = replace(command, transaction_id=f"{command.transaction_id}-{request.request_id}")
        return right(request, again, replace(state, win=None), pair)

    patch.setattr(wins, "pay", pay)


def _wins_stay_with_their_source(patch: Patch) -> None:
    patch.setattr(
        wins,
        "_destination",
        lambda bet, share, state: bet.policy_snapshot.destinations[share.account][0],
    )


def _a_campaign_knows_no_end(patch: Patch) -> None:
    right = wins._refuse_campaign
    patch.setattr(
        wins,
        "_refuse_campaign",
        lambda campaign, *rest: right(replace(campaign, expired=False), *rest),
    )


def _a_campaign_pays_any_win(patch: Patch) -> None:
    right = wins._refuse_campaign
    patch.setattr(
        wins,
        "_refuse_campaign",
        lambda campaign, *rest: right(replace(campaign, cap_per_win=campaign.cap), *rest),
    )


def _a_jackpot_knows_no_bound(patch: Patch) -> None:
    right = wins._refuse_further

    def refuse_further(bet: Any, command: Any, pair: Any) -> Any:
        refused = right(bet, command, pair)
        return None if refused is not None and refused.body["code"] == "WIN_LIMIT" else refused

    patch.setattr(wins, "_refuse_further", refuse_further)


def _a_jackpot_on_any_round(patch: Patch) -> None:
    right = wins._refuse_further
    patch.setattr(
        wins,
        "_refuse_further",
        lambda bet, command, pair: right(replace(bet, round_id=command.round_id), command, pair),
    )


def _spent_wins_go_back(patch: Patch) -> None:
    patch.setattr(wins, "_kept", lambda account, win, state: state.balance(account))


def _a_bet_goes_back_before_its_wins(patch: Patch) -> None:
    right = bets.rollback
    patch.setattr(
        bets,
        "rollback",
        lambda request, command, state, pair: right(
            request, command, replace(state, further_wins=0), pair
        ),
    )


def _blocked_players_win(patch: Patch) -> None:
    right = wins._refuse_campaign

    def refuse_campaign(campaign: Any, command: Any, state: State, *rest: Any) -> Any:
        assert state.player is not None
        return right(
            campaign, command, replace(state, player=replace(state.player, status="active")), *rest
        )

    patch.setattr(wins, "_refuse_campaign", refuse_campaign)


RULES = (
    InRules("the units left by rounding go to the first source", _rest_to_the_first),
    InRules("a rollback gives the whole stake to the first source", _rollback_to_the_first_source),
    InRules("one key under two names adjusts alone", _one_person, first=4),
    InRules("a refill hides that winnings were spent", _refill_hides_spent_winnings),
    InRules("a coupon pays outside its scope", _any_scope),
    InRules("a lapsed coupon pays", _lapsed_coupons_pay),
    InRules("a release knows no cap", _no_cap_on_release),
    InRules("what a transfer inherits is rounded up", _caps_rounded_up),
    InRules(
        "a transfer takes one rolling along and forgets the others", _turnover_lost_in_a_transfer
    ),
    InRules("a bet is settled by the policy of today", _settled_by_todays_policy),
    InRules(
        "winnings stay where they were after the rolling is done", _winnings_stay_after_rolling
    ),
    InRules("a paid withdrawal is given back", _paid_out_and_given_back),
    InRules("a withdrawal is rejected twice", _rejected_twice),
    InRules("points can be bet", _points_can_be_bet),
    InRules("withdrawable money pays where it may not", _withdrawable_always_usable),
    InRules("a tombstone is forgotten", _tombstone_forgotten),
    InRules("no limit to a bet under bonus", _no_limit_under_bonus),
    InRules("a closed coupon keeps what returns to it", _closed_coupon_keeps_its_stake),
    InRules("a staked bonus is taken back", _staked_bonus_taken_back),
    InRules("a closed rolling locks nothing", _nothing_is_locked),
    InRules("the locked share is rounded down", _locked_share_rounded_down),
    InRules("a stake that is open when its rolling is closed is free", _open_stakes_escape_a_lock),
    InRules("locked money is released with another rolling", _locked_money_is_released),
    InRules("a locked stake that won nothing comes back free", _locked_money_comes_back_free),
    InRules("locked money is free in another bucket", _a_transfer_sheds_locks),
    InRules("a lost stake that is given back is free", _an_undone_loss_comes_back_free),
    InRules("what was lost stays locked", _lost_money_stays_locked),
    InRules(
        "parts of a small rolling weigh as much as those of a big one", _small_parts_weigh_as_much
    ),
    InRules(
        "what completed rollings have earned is locked with the last one", _earned_money_is_locked
    ),
    InRules("a bet of before a lapse is given back free", _a_lapse_in_between_is_forgotten),
    InRules("a reference is used twice", _references_forgotten),
    InRules("the stakes of a round are limited one by one", _stakes_of_a_round_one_by_one),
    InRules("own money joins a round that a bonus filled", _own_money_is_free_of_a_round),
    InRules("a push counts as turnover", _a_push_counts),
    InRules("a bet below the least price counts as turnover", _a_low_price_counts),
    InRules("cash that goes into a bucket owes nothing", _cash_owes_nothing),
    InRules("a win is paid again under another request", _wins_paid_again),
    InRules("a further win stays where its bet was paid from", _wins_stay_with_their_source),
    InRules("a campaign pays after its end", _a_campaign_knows_no_end),
    InRules("a campaign pays a win of any size", _a_campaign_pays_any_win),
    InRules("a further win has no bound", _a_jackpot_knows_no_bound),
    InRules("a further win comes on any round", _a_jackpot_on_any_round),
    InRules("a win that was spent and refilled goes back", _spent_wins_go_back),
    InRules("a bet is taken back before its further wins", _a_bet_goes_back_before_its_wins),
    InRules("a blocked player wins without a stake", _blocked_players_win),
    InRules("money is released on anybody's word", _released_on_anybodys_word),
    InRules(
        "earned money is released on anybody's word", _earned_money_is_released_on_anybodys_word
    ),
    InRules("parts of a rolling ask for no turnover", _parts_ask_for_no_turnover),
)
STORE = (
    InRules("every try has a request id of its own", _request_id_minted_per_try),
    InRules("another payload gets the first answer", _any_payload),
    InRules("what is remembered leaves out the command itself", _own_command_not_remembered),
    InRules("what is remembered leaves out coupons", _coupons_not_remembered, first=6),
)
SQL = (
    InSql("a stale version is accepted", "apply_command", " AND p.version = c.player_version", ""),
    InSql("a block moves no version", "move_player_version", "p.version + 1", "p.version", first=2),
    InSql("a freeze stops nothing", "passes_freeze", "g.freeze_level = 'open' OR", "true OR"),
    InSql(
        "a spent bonus counts as whole", "low_water", "least(0, (SELECT min(moved) FROM held))", "0"
    ),
    InSql(
        "an undone bet counts as spent",
        "low_water",
        "NOT EXISTS (SELECT FROM undone",
        "true OR NOT EXISTS (SELECT FROM undone",
    ),
    InSql("a bonus outlives its rolling", "put_movement", "b.state = 'ISSUED'", "false"),
    InSql("a lock forgets the one before", "put_locks", "coalesce(newest.locked, 0) +", ""),
    InSql(
        "a lapse in between is not read", "read_movement", "o.closed_at >= a.created_at", "false"
    ),
    InSql("the oldest lock counts", "read_locks", "k.version DESC", "k.version"),
    InSql("a settlement's unlocking is not read", "read_movement", "-k.delta", "0"),
    InSql(
        "a round's settled bets count on",
        "read_round",
        "a.state = 'AUTHORIZED'",
        "a.state <> 'TOMBSTONE'",
    ),
    InSql(
        "rounds of other providers count", "read_round", "a.provider_id = c->>'provider_id'", "true"
    ),
    InSql("a reversed win is read as paid", "read_win", "r.win_id = w.win_id", "false"),
    InSql(
        "a win that was spent counts as whole",
        "read_win",
        "coalesce(wallet.low_water(",
        "coalesce(999999 + wallet.low_water(",
    ),
    InSql(
        "a win's reversal gives nothing back to its campaign",
        "put_win",
        "g.spent - paid.amount",
        "g.spent",
    ),
    InSql("reversed wins hold their bet up", "wins_on", "NOT EXISTS", "true OR NOT EXISTS"),
    InSql(
        "a bet that is rolled back stays turned over",
        "count_turnover",
        "ELSE f.amount END",
        "ELSE 0 END",
    ),
    InSql(
        "a bet of before a rolling is turned back in it",
        "count_turnover",
        "f.closed_at > t.since",
        "true",
    ),
    InSql(
        "an ended rolling leaves its turnover to others",
        "end_turnover",
        "ELSE -ended.required END",
        "ELSE 0 END",
    ),
    InSql("an edge asks for what the money brought along", "follow_turnover", " - carried)", ")"),
    InSql("a transfer sheds turnover", "carry_turnover", "-floor(", "-ceil("),
    InSql(
        "a used reference is not found", "read_reference", "f.command = c->>'reference_of'", "false"
    ),
)
