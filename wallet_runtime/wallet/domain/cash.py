"""Cash in and out: deposits, withdrawals and their states (SPEC 1.3 and section 4)."""

from dataclasses import dataclass

import msgspec

from wallet_runtime.contract.codes import INSUFFICIENT_FUNDS
from wallet_runtime.contract.money import CASH_AVAILABLE, CASH_PENDING
from wallet_runtime.plumbing.errors import Invalid, NotFound
from wallet_runtime.plumbing.money import format_amount
from wallet_runtime.wallet.domain.answers import CashAnswer, CashBalance, CashTransactionAnswer
from wallet_runtime.wallet.domain.decision import Decision, cash_balance, event, refuse, unchanged
from wallet_runtime.wallet.domain.documents import Bucket
from wallet_runtime.wallet.domain.events import DepositApproved, WithdrawApproved
from wallet_runtime.wallet.domain.obligations import Required, Turnover, require_turnover
from wallet_runtime.wallet.domain.player import free_cash, is_blocked
from wallet_runtime.wallet.domain.records import (
    CashMoved,
    CashOpened,
    Leg,
    OutboxEvent,
    TransferRecord,
    move,
)
from wallet_runtime.wallet.domain.state import ActivePair, CashTransaction, Request, State

DEPOSIT, TO_CASH, TO_BUCKET = "DEPOSIT_APPROVE", "WALLET_WITHDRAWAL", "WALLET_DEPOSIT"
REQUEST, APPROVE, REJECT, MARK_PAID = (
    "WITHDRAW_REQUEST",
    "WITHDRAW_APPROVE",
    "WITHDRAW_REJECT",
    "WITHDRAW_MARK_PAID",
)
CANCEL, PAYOUT_FAILED = "WITHDRAW_CANCEL", "WITHDRAW_PAYOUT_FAILED"
REVIEWED = ("approved", "rejected")
# The next states that are allowed from each state. A repeat of the same state is a no-op.
TRANSITIONS = {
    "requested": ("approved", "rejected", "canceled"),
    "approved": ("paid", "payout_failed"),
}


class BucketInvalid(Invalid):
    """A deposit goes to cash, or to a normal bucket of the active topology."""

    code = "BUCKET_INVALID"


class TransactionNotFound(NotFound):
    """No cash transaction has this id."""

    code = "TX_NOT_FOUND"


class Deposit(msgspec.Struct, frozen=True):
    """A deposit that the PSP has captured, in minor units. Without a bucket it stays in cash."""

    amount: int
    currency: str
    bucket: str | None = None
    psp_reference: str | None = None


class Withdraw(msgspec.Struct, frozen=True):
    """An amount in minor units to move from WITHDRAWABLE to cash, or to pay out of cash."""

    amount: int
    currency: str


class ToBucket(msgspec.Struct, frozen=True):
    """An amount of cash in minor units to move into a normal bucket."""

    amount: int
    currency: str
    bucket: str


class Review(msgspec.Struct, frozen=True):
    """A change of a withdrawal's state, and the caller that makes the change."""

    transaction_id: str
    reviewed_by: str


def deposit(request: Request, command: Deposit, state: State, pair: ActivePair) -> Decision:
    """Book a captured deposit from PSP to available cash.

    If the command names a bucket, move the money on into it, and open the rolling that the policy
    requires.
    """
    bucket = None if command.bucket is None else _normal_bucket(pair, command.bucket)
    money, opened = command.currency, _captured(request, command)
    paid_in = _PaidIn() if bucket is None else _pay_in(request, pair, bucket, command.amount, money)
    kept = 0 if bucket else command.amount
    return Decision(
        command=DEPOSIT,
        status=200,
        body=_opened_body(opened, money, cash_balance(state, money, available=kept)),
        pair=pair.reference,
        starts_new=True,
        legs=(*move("PSP", CASH_AVAILABLE, command.amount, money), *paid_in.legs),
        cash_transaction=opened,
        transfers=paid_in.transfers,
        obligations_opened=paid_in.required.opened,
        events=(_approved_event(request, command), *paid_in.required.events),
    )


def _captured(request: Request, command: Deposit) -> CashOpened:
    return CashOpened(
        str(request.transaction_id),
        "deposit",
        "captured",
        command.amount,
        provider_ref=command.psp_reference,
    )


def _approved_event(request: Request, command: Deposit) -> OutboxEvent:
    return event(request, DepositApproved(str(command.amount), command.currency))


def to_bucket(request: Request, command: ToBucket, state: State, pair: ActivePair) -> Decision:
    """Move available cash into the named bucket, and open the rolling that the policy requires.

    The cash was deposited by an earlier command.
    """
    bucket = _normal_bucket(pair, command.bucket)
    refused = _refuse_cash(TO_BUCKET, command, state, pair, 409)
    if refused is not None:
        return refused
    paid_in = _pay_in(request, pair, bucket, command.amount, command.currency)
    return Decision(
        command=TO_BUCKET,
        status=200,
        body=CashAnswer(
            transfer_id=str(request.transaction_id),
            bucket=bucket.code,
            balance=cash_balance(state, command.currency, available=-command.amount),
        ),
        pair=pair.reference,
        starts_new=True,
        legs=paid_in.legs,
        transfers=paid_in.transfers,
        obligations_opened=paid_in.required.opened,
        events=paid_in.required.events,
    )


def to_cash(request: Request, command: Withdraw, state: State, pair: ActivePair) -> Decision:
    """Move money from WITHDRAWABLE to available cash."""
    if is_blocked(state):
        return _refuse_blocked(TO_CASH, pair)
    account, transfer_id = pair.topology.withdrawable_account, str(request.transaction_id)
    held = state.balance(account)
    if held < command.amount:
        return _short(TO_CASH, pair, 409, held, command.currency, "the withdrawable bucket holds")
    balance = cash_balance(state, command.currency, available=command.amount)
    return Decision(
        command=TO_CASH,
        status=200,
        body=CashAnswer(transfer_id=transfer_id, balance=balance),
        pair=pair.reference,
        starts_new=True,
        legs=move(account, CASH_AVAILABLE, command.amount, command.currency),
        transfers=(
            TransferRecord(transfer_id, "WITHDRAWAL", account, CASH_AVAILABLE, command.amount),
        ),
    )


def request_withdrawal(
    request: Request, command: Withdraw, state: State, pair: ActivePair
) -> Decision:
    """Move available cash to pending cash, and open a withdrawal that waits for review."""
    refused = _refuse_cash(REQUEST, command, state, pair, 400)
    if refused is not None:
        return refused
    amount, money = command.amount, command.currency
    opened = _requested(request, amount, free_cash(state) - amount)
    balance = cash_balance(state, money, available=-amount, pending=amount)
    return Decision(
        command=REQUEST,
        status=200,
        body=_opened_body(opened, money, balance),
        pair=pair.reference,
        starts_new=True,
        legs=move(CASH_AVAILABLE, CASH_PENDING, amount, money),
        cash_transaction=opened,
    )


def _requested(request: Request, amount: int, balance_after: int) -> CashOpened:
    return CashOpened(
        str(request.transaction_id),
        "withdrawal",
        "requested",
        amount,
        balance_after=balance_after,
    )


def approve(request: Request, command: Review, state: State, pair: ActivePair) -> Decision:
    """Approve a requested withdrawal. Its money stays in pending cash until it is paid."""
    return _review(request, command, state, pair, APPROVE, "approved", None)


def reject(request: Request, command: Review, state: State, pair: ActivePair) -> Decision:
    """Reject a requested withdrawal, and return its money to available cash."""
    return _review(request, command, state, pair, REJECT, "rejected", CASH_AVAILABLE)


def mark_paid(request: Request, command: Review, state: State, pair: ActivePair) -> Decision:
    """Record that the PSP has paid a withdrawal: move its money from pending cash to PSP."""
    return _review(request, command, state, pair, MARK_PAID, "paid", "PSP")


def cancel(request: Request, command: Review, state: State, pair: ActivePair) -> Decision:
    """Cancel a withdrawal for its player before approval. The money returns to available cash."""
    return _review(request, command, state, pair, CANCEL, "canceled", CASH_AVAILABLE)


def fail_payout(request: Request, command: Review, state: State, pair: ActivePair) -> Decision:
    """Record that the PSP could not pay a withdrawal. The money returns to available cash."""
    return _review(request, command, state, pair, PAYOUT_FAILED, "payout_failed", CASH_AVAILABLE)


def _review(
    request: Request,
    command: Review,
    state: State,
    pair: ActivePair,
    name: str,
    target: str,
    receiver: str | None,
) -> Decision:
    """Change the state of a withdrawal, and move its pending cash to `receiver`, if any."""
    held = _withdrawal(request, state)
    moved = CashTransactionAnswer(tx_id=held.transaction_id, type=held.type, state=target)
    answer = CashAnswer(transaction=moved)
    if held.state == target:
        return unchanged(name, pair.reference, answer)
    if target not in TRANSITIONS.get(held.state, ()):
        return _refuse_transition(name, held, target, pair)
    return Decision(
        command=name,
        status=200,
        body=answer,
        pair=pair.reference,
        starts_new=False,
        legs=move(CASH_PENDING, receiver, held.amount, held.currency) if receiver else (),
        cash_transaction=_moved(held, target, command.reviewed_by),
        events=_paid_event(request, held) if target == "paid" else (),
    )


def _withdrawal(request: Request, state: State) -> CashTransaction:
    held = state.cash_transaction
    if held is None or held.type != "withdrawal" or held.player_id != str(request.player_id):
        raise TransactionNotFound
    return held


def _refuse_transition(name: str, held: CashTransaction, target: str, pair: ActivePair) -> Decision:
    message = f"a withdrawal cannot go from {held.state} to {target}"
    states = {"from_state": held.state, "to_state": target, "tx_type": held.type}
    code = "ILLEGAL_TRANSACTION_STATE_TRANSITION"
    return refuse(name, pair, 409, code, message, starts_new=False, **states)


def _moved(held: CashTransaction, target: str, reviewed_by: str) -> CashMoved:
    reviewer = reviewed_by if target in REVIEWED else None
    return CashMoved(held.transaction_id, held.state, target, reviewer)


def _paid_event(request: Request, held: CashTransaction) -> tuple[OutboxEvent, ...]:
    payload = WithdrawApproved(held.transaction_id, str(held.amount), held.currency)
    return (event(request, payload),)


@dataclass(frozen=True, slots=True)
class _PaidIn:
    """The records of a payment from cash into a bucket."""

    legs: tuple[Leg, ...] = ()
    transfers: tuple[TransferRecord, ...] = ()
    required: Required = Required()


def _pay_in(
    request: Request, pair: ActivePair, bucket: Bucket, amount: int, currency: str
) -> _PaidIn:
    account, transfer_id = pair.topology.account(bucket.code), str(request.transaction_id)
    multiplier = pair.policy.rolling.deposit.get(bucket.code, "0")
    wanted = Turnover(bucket, amount, currency, multiplier, "deposit")
    return _PaidIn(
        legs=move(CASH_AVAILABLE, account, amount, currency),
        transfers=(TransferRecord(transfer_id, "DEPOSIT", CASH_AVAILABLE, account, amount),),
        required=require_turnover(request, pair, wanted),
    )


def _normal_bucket(pair: ActivePair, code: str) -> Bucket:
    bucket = pair.topology.bucket(code)
    if bucket is None or bucket.kind != "normal":
        normal = ", ".join(pair.topology.codes_of("normal"))
        raise BucketInvalid(
            f"bucket {code!r} cannot take a deposit; the active topology takes {normal}"
        )
    return bucket


def _opened_body(opened: CashOpened, currency: str, balance: CashBalance) -> CashAnswer:
    shown = CashTransactionAnswer(
        tx_id=opened.transaction_id,
        type=opened.type,
        state=opened.state,
        amount=format_amount(opened.amount, currency),
        currency=currency,
    )
    return CashAnswer(transaction=shown, balance=balance)


def _refuse_cash(
    name: str, command: Withdraw | ToBucket, state: State, pair: ActivePair, status: int
) -> Decision | None:
    """Refuse a blocked player, and an amount above the available cash (with this status)."""
    if is_blocked(state):
        return _refuse_blocked(name, pair)
    free = free_cash(state)
    if free >= command.amount:
        return None
    return _short(name, pair, status, free, command.currency, "available cash is")


def _refuse_blocked(name: str, pair: ActivePair) -> Decision:
    message = "the player is blocked; the money stays where it is"
    return refuse(name, pair, 409, "PLAYER_BLOCKED", message, starts_new=True)


def _short(
    name: str, pair: ActivePair, status: int, held: int, currency: str, words: str
) -> Decision:
    available = format_amount(held, currency)
    message = f"{words} {available} {currency}"
    return refuse(
        name, pair, status, INSUFFICIENT_FUNDS, message, starts_new=True, available=available
    )
