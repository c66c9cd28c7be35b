"""Corrections of one account's balance against the counter-account ADJ (SPEC 1.3).

One person requests an adjustment with a reason. Another person applies it.

The database enforces this, too: it refuses an ADJ leg unless the same command applies a requested
adjustment of the same account and amount, decided by a second person.
"""

from typing import Literal

import msgspec
from msgspec.structs import asdict, replace

from wallet_runtime.contract.codes import INSUFFICIENT_FUNDS
from wallet_runtime.contract.money import CASH_AVAILABLE
from wallet_runtime.contract.persons import Person
from wallet_runtime.plumbing.errors import Forbidden, Invalid, NotFound
from wallet_runtime.plumbing.money import format_amount
from wallet_runtime.wallet.domain.answers import AdjustmentAnswer
from wallet_runtime.wallet.domain.decision import Decision, refuse, unchanged
from wallet_runtime.wallet.domain.documents import STAKEABLE_KINDS
from wallet_runtime.wallet.domain.locks import relocked
from wallet_runtime.wallet.domain.player import free_cash
from wallet_runtime.wallet.domain.records import AdjustmentAsked, AdjustmentDecided, move
from wallet_runtime.wallet.domain.state import ActivePair, Adjustment, Request, State

REQUEST, APPROVE, REJECT = "ADJUSTMENT_REQUEST", "ADJUSTMENT_APPROVE", "ADJUSTMENT_REJECT"
COUNTER = "ADJ"


class AccountInvalid(Invalid):
    """Only available cash and money buckets of the active topology can be adjusted.

    Points and grants have their own ways.
    """

    code = "ACCOUNT_INVALID"


class AdjustmentNotFound(NotFound):
    """This brand has no adjustment by that id."""

    code = "ADJUSTMENT_NOT_FOUND"


class SamePerson(Forbidden):
    """An adjustment is applied by another person than the one who asked for it."""

    code = "SAME_PERSON"


class Ask(msgspec.Struct, frozen=True):
    """A request to credit or debit an account by `amount` minor units (more than zero).

    The account is `CASH/AVAILABLE` or a bucket code.
    """

    account: str
    direction: Literal["credit", "debit"]
    amount: int
    currency: str
    reason: str
    requested_by: Person


class Decide(msgspec.Struct, frozen=True):
    """One person's decision to apply or reject an adjustment."""

    adjustment_id: str
    decided_by: Person


def ask(request: Request, command: Ask, state: State, pair: ActivePair) -> Decision:
    """Record the adjustment that one person requests, and the reason. No money moves yet."""
    record = AdjustmentAsked(
        account=_account(pair, command.account),
        amount=command.amount if command.direction == "credit" else -command.amount,
        reason=command.reason,
        requested_by=command.requested_by.name,
        requested_key=command.requested_by.key_id,
    )
    wanted = Adjustment(
        adjustment_id=str(request.transaction_id),
        player_id=str(request.player_id),
        currency=command.currency,
        **asdict(record),
    )
    return _recorded(REQUEST, pair, _body(wanted, "REQUESTED"), record)


def approve(request: Request, command: Decide, state: State, pair: ActivePair) -> Decision:
    """Apply an adjustment exactly as requested: move its amount between ADJ and the account.

    A debit above the balance is refused, and the adjustment stays requested.
    """
    wanted = _named(request, state)
    _confirm_second_person(wanted, command.decided_by)
    if wanted.state != "REQUESTED":
        return _again(APPROVE, wanted, pair, "APPLIED")
    return (
        _refuse_foreign_account(wanted, pair)
        or _refuse_short(wanted, state, pair)
        or _applied(wanted, command.decided_by, state, pair)
    )


def _confirm_second_person(wanted: Adjustment, person: Person) -> None:
    if not _is_same(Person(wanted.requested_by, wanted.requested_key), person):
        return
    message = (
        f"adjustment {wanted.adjustment_id} was asked for by {wanted.requested_by};"
        " another person, with a key of their own,"
    )
    raise SamePerson(f"{message} has to apply it")


def _refuse_foreign_account(wanted: Adjustment, pair: ActivePair) -> Decision | None:
    """Refuse an account that was in the active topology once, but is not now."""
    if wanted.account == CASH_AVAILABLE or wanted.account.startswith(f"{pair.topology.code}/"):
        return None
    message = (
        f"{wanted.account} is not of the active topology {pair.topology.code};"
        " reject it and ask anew"
    )
    return refuse(APPROVE, pair, 409, "ADJUSTMENT_OUT_OF_REACH", message, starts_new=False)


def _refuse_short(wanted: Adjustment, state: State, pair: ActivePair) -> Decision | None:
    is_cash = wanted.account == CASH_AVAILABLE
    held = free_cash(state) if is_cash else state.balance(wanted.account)
    if held + wanted.amount >= 0:
        return None
    available = format_amount(held, wanted.currency)
    message = f"{wanted.account} holds {available} {wanted.currency}"
    return refuse(
        APPROVE, pair, 409, INSUFFICIENT_FUNDS, message, starts_new=False, available=available
    )


def _applied(wanted: Adjustment, person: Person, state: State, pair: ActivePair) -> Decision:
    is_cash = wanted.account == CASH_AVAILABLE
    changes = {} if is_cash else {wanted.account: wanted.amount}
    return replace(
        _closed(APPROVE, wanted, "APPLIED", person, pair),
        legs=move(COUNTER, wanted.account, wanted.amount, wanted.currency),
        locks=relocked(state, changes),
    )


def reject(request: Request, command: Decide, state: State, pair: ActivePair) -> Decision:
    """Close a requested adjustment without moving money. Its requester may do so, too."""
    wanted = _named(request, state)
    if wanted.state != "REQUESTED":
        return _again(REJECT, wanted, pair, "REJECTED")
    return _closed(REJECT, wanted, "REJECTED", command.decided_by, pair)


def _again(name: str, wanted: Adjustment, pair: ActivePair, target: str) -> Decision:
    if wanted.state == target:
        return unchanged(name, pair.reference, _body(wanted, target, wanted.decided_by))
    message = f"adjustment {wanted.adjustment_id} is {wanted.state} already"
    return refuse(
        name, pair, 409, "ADJUSTMENT_DECIDED", message, starts_new=False, state=wanted.state
    )


def _named(request: Request, state: State) -> Adjustment:
    if state.adjustment is None or state.adjustment.player_id != str(request.player_id):
        raise AdjustmentNotFound
    return state.adjustment


def _account(pair: ActivePair, name: str) -> str:
    bucket = pair.topology.bucket(name)
    if name == CASH_AVAILABLE:
        return name
    if bucket is None or bucket.kind not in STAKEABLE_KINDS:
        known = ", ".join([CASH_AVAILABLE, *pair.topology.codes_of(*STAKEABLE_KINDS)])
        raise AccountInvalid(f"account {name[:64]!r} cannot be adjusted; possible are {known}")
    return pair.topology.account(bucket.code)


def _is_same(one: Person, other: Person) -> bool:
    return one.is_same(other)


def _closed(
    name: str,
    wanted: Adjustment,
    state: Literal["APPLIED", "REJECTED"],
    person: Person,
    pair: ActivePair,
) -> Decision:
    record = AdjustmentDecided(wanted.adjustment_id, state, person.name, person.key_id)
    return _recorded(name, pair, _body(wanted, state, person.name), record)


def _recorded(
    name: str,
    pair: ActivePair,
    body: AdjustmentAnswer,
    record: AdjustmentAsked | AdjustmentDecided,
) -> Decision:
    return Decision(
        command=name,
        status=200,
        body=body,
        pair=pair.reference,
        starts_new=False,
        adjustment=record,
    )


def _body(wanted: Adjustment, state: str, decided_by: str | None = None) -> AdjustmentAnswer:
    return AdjustmentAnswer(
        adjustment_id=wanted.adjustment_id,
        state=state,
        account=wanted.account,
        direction="credit" if wanted.amount > 0 else "debit",
        amount=format_amount(abs(wanted.amount), wanted.currency),
        currency=wanted.currency,
        reason=wanted.reason,
        requested_by=wanted.requested_by,
        decided_by=decided_by,
    )
