"""Bugs in the rules for ended rollings: locks, releases, and amounts passed to other rollings."""

from typing import Any

import msgspec

from tests.wallet_runtime.wallet.histories.planted import InRules, Patch
from wallet_runtime.wallet.domain import (
    bets,
    coupon_release,
    locks,
    obligations,
    rolling,
    transfers,
)
from wallet_runtime.wallet.domain.records import LockChange
from wallet_runtime.wallet.domain.state import Request, State

replace = msgspec.structs.replace


def _no_cap_on_release(patch: Patch) -> None:
    for module in (rolling, coupon_release):
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


def _turnover_lost_in_a_transfer(patch: Patch) -> None:
    right = transfers._carry

    def carry(request: Request, pair: Any, target: Any, owed: Any, amount: int, held: int) -> Any:
        return right(request, pair, target, owed[:1], amount, held)

    patch.setattr(transfers, "_carry", carry)


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


LOCKS = (
    InRules("a release knows no cap", _no_cap_on_release, first=2),
    InRules("what a transfer inherits is rounded up", _caps_rounded_up),
    InRules(
        "a transfer takes one rolling along and forgets the others", _turnover_lost_in_a_transfer
    ),
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
    InRules("money is released on anybody's word", _released_on_anybodys_word),
    InRules(
        "earned money is released on anybody's word", _earned_money_is_released_on_anybodys_word
    ),
    InRules("parts of a rolling ask for no turnover", _parts_ask_for_no_turnover),
)
