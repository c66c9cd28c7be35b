"""Broken rules of cash, releases, snapshots, request ids and wins."""

from importlib import import_module
from typing import Any

import msgspec

from tests.acceptance.swap import Rule, broken
from wallet_runtime.contract.money import CASH_AVAILABLE, CASH_PENDING

CASH = "wallet_runtime.wallet.domain.cash"
MONEY = "wallet_runtime.wallet.store.money"
replace = msgspec.structs.replace


@broken("release missing", "wallet_runtime.wallet.domain.rolling", "complete")
def a_completed_rolling_releases_nothing(complete: Rule, *given: Any) -> Any:
    """The rolling completes, but its money stays in the bucket."""
    return replace(complete(*given), legs=(), transfers=())


@broken("cash deposit stays pending", CASH, "deposit")
def a_deposit_to_cash_stays_pending(
    deposit: Rule, request: Any, command: Any, state: Any, pair: Any
) -> Any:
    """A deposit to cash is credited to pending cash, which cannot be withdrawn."""
    decision = deposit(request, command, state, pair)
    if command.bucket is not None:
        return decision
    legs = tuple(
        replace(leg, account=CASH_PENDING) if leg.account == CASH_AVAILABLE else leg
        for leg in decision.legs
    )
    return replace(decision, legs=legs)


@broken("paid without moving", CASH, "mark_paid")
def a_withdrawal_is_paid_without_moving(mark_paid: Rule, *given: Any) -> Any:
    """A withdrawal is marked as paid, but its money stays in pending cash."""
    return replace(mark_paid(*given), legs=())


@broken("cash that goes into a bucket owes nothing", CASH, "to_bucket")
def cash_that_goes_into_a_bucket_owes_nothing(to_bucket: Rule, *given: Any) -> Any:
    """Money that moves from cash into a bucket opens no rolling."""
    return replace(to_bucket(*given), obligations_opened=(), events=())


@broken("a lapsed rolling locks nothing", "wallet_runtime.wallet.domain.locks", "lock_share")
def a_lapsed_rolling_locks_nothing(lock_share: Rule, *given: Any) -> Any:
    """A rolling lapses without locking its money."""
    return ()


@broken("a reversed win stays paid", "wallet_runtime.wallet.domain.wins", "reverse")
def a_reversed_win_stays_paid(reverse: Rule, *given: Any) -> Any:
    """The reversal of a win is accepted but moves no money."""
    return replace(reverse(*given), legs=(), win=None, locks=(), events=())


@broken("snapshot without topology version", "wallet_runtime.wallet.domain.snapshot", "snapshot")
def a_snapshot_names_no_topology_version(snapshot: Rule, *given: Any) -> Any:
    shown = snapshot(*given)
    return {**shown, "topology": {"code": shown["topology"]["code"]}}


@broken("repeat refused", MONEY, "replay")
def a_repeat_is_refused(replay: Rule, request: Any, stored: Any) -> Any:
    """A repeated request is refused as if its payload had changed."""
    raise import_module("wallet_runtime.plumbing.errors").PayloadMismatch


@broken("mismatch accepted", MONEY, "replay")
def another_payload_gets_the_first_answer(replay: Rule, request: Any, stored: Any) -> Any:
    return stored.status, stored.body
