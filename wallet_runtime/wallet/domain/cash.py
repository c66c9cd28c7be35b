"""Cash in and out: deposits, withdrawals and their states (SPEC 1.3 and section 4)."""

from dataclasses import dataclass

import msgspec

from wallet_runtime.contract.codes import INSUFFICIENT_FUNDS
from wallet_runtime.contract.money import CASH_AVAILABLE, CASH_PENDING
from wallet_runtime.plumbing.errors import Invalid, NotFound
from wallet_runtime.plumbing.money import format_amount
from wallet_runtime.wallet.domain.answers import CashAnswer, CashTransactionAnswer
from wallet_runtime.wallet.domain.decision import Decision, cash_balance, event, refuse, unchanged
from wallet_runtime.wallet.domain.documents import Bucket
from wallet_runtime.wallet.domain.events import DepositApproved, WithdrawApproved
from wallet_runtime.wallet.domain.obligations import Required, Turnover, require_turnover
from wallet_runtime.wallet.domain.records import (
    CashMoved,
    CashOpened,
    Leg,
    OutboxEvent,
    TransferRecord,
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
    money = command.currency
    captured = (Leg("PSP", -command.amount, money), Leg(CASH_AVAILABLE, command.amount, money))
    paid_in = _PaidIn() if bucket is None else _pay_in(request, pair, bucket, command.amount, money)
    approved = event(request, DepositApproved(str(command.amount), money))
    cash = cash_balance(state, money, available=0 if bucket else command.amount)
    record = CashOpened(
        str(request.transaction_id),
        "deposit",
        "captured",
        command.amount,
        provider_ref=command.psp_reference,
    )
    return Decision(
        command=DEPOSIT,
        status=200,
        body=CashAnswer(
            transaction=_shown(request, "deposit", "captured", command.amount, money),
            balance=cash,
        ),
        pair=pair.reference,
        starts_new=True,
        legs=(*captured, *paid_in.legs),
        cash_transaction=record,
        transfers=paid_in.transfers,
        obligations_opened=paid_in.required.opened,
        events=(approved, *paid_in.required.events),
    )


def to_bucket(request: Request, command: ToBucket, state: State, pair: ActivePair) -> Decision:
    """Move available cash into the named bucket, and open the rolling that the policy requires.

    The cash was deposited by an earlier command.
    """
    bucket = _normal_bucket(pair, command.bucket)
    if _blocked(state):
        return _refuse_blocked(TO_BUCKET, pair)
    free = state.cash.available if state.cash else 0
    if free < command.amount:
        return _short(TO_BUCKET, pair, 409, free, command.currency, "available cash is")
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
    if _blocked(state):
        return _refuse_blocked(TO_CASH, pair)
    account = pair.topology.account(pair.topology.withdrawable.code)
    held = state.balance(account)
    if held < command.amount:
        return _short(TO_CASH, pair, 409, held, command.currency, "the withdrawable bucket holds")
    return Decision(
        command=TO_CASH,
        status=200,
        body=CashAnswer(
            transfer_id=str(request.transaction_id),
            balance=cash_balance(state, command.currency, available=command.amount),
        ),
        pair=pair.reference,
        starts_new=True,
        legs=(
            Leg(account, -command.amount, command.currency),
            Leg(CASH_AVAILABLE, command.amount, command.currency),
        ),
        transfers=(
            TransferRecord(
                str(request.transaction_id), "WITHDRAWAL", account, CASH_AVAILABLE, command.amount
            ),
        ),
    )


def request_withdrawal(
    request: Request, command: Withdraw, state: State, pair: ActivePair
) -> Decision:
    """Move available cash to pending cash, and open a withdrawal that waits for review."""
    if _blocked(state):
        return _refuse_blocked(REQUEST, pair)
    free = state.cash.available if state.cash else 0
    if free < command.amount:
        return _short(REQUEST, pair, 400, free, command.currency, "available cash is")
    return Decision(
        command=REQUEST,
        status=200,
        body=CashAnswer(
            transaction=_shown(
                request, "withdrawal", "requested", command.amount, command.currency
            ),
            balance=cash_balance(
                state, command.currency, available=-command.amount, pending=command.amount
            ),
        ),
        pair=pair.reference,
        starts_new=True,
        legs=(
            Leg(CASH_AVAILABLE, -command.amount, command.currency),
            Leg(CASH_PENDING, command.amount, command.currency),
        ),
        cash_transaction=CashOpened(
            str(request.transaction_id),
            "withdrawal",
            "requested",
            command.amount,
            balance_after=free - command.amount,
        ),
    )


def approve(request: Request, command: Review, state: State, pair: ActivePair) -> Decision:
    """Approve a requested withdrawal. Its money stays in pending cash until it is paid."""
    return _move(request, command, state, pair, APPROVE, "approved", ())


def reject(request: Request, command: Review, state: State, pair: ActivePair) -> Decision:
    """Reject a requested withdrawal, and return its money to available cash."""
    return _move(request, command, state, pair, REJECT, "rejected", (CASH_PENDING, CASH_AVAILABLE))


def mark_paid(request: Request, command: Review, state: State, pair: ActivePair) -> Decision:
    """Record that the PSP has paid a withdrawal: move its money from pending cash to PSP."""
    return _move(request, command, state, pair, MARK_PAID, "paid", (CASH_PENDING, "PSP"))


def cancel(request: Request, command: Review, state: State, pair: ActivePair) -> Decision:
    """Cancel a withdrawal for its player before approval. The money returns to available cash."""
    return _move(request, command, state, pair, CANCEL, "canceled", (CASH_PENDING, CASH_AVAILABLE))


def fail_payout(request: Request, command: Review, state: State, pair: ActivePair) -> Decision:
    """Record that the PSP could not pay a withdrawal. The money returns to available cash."""
    return _move(
        request,
        command,
        state,
        pair,
        PAYOUT_FAILED,
        "payout_failed",
        (CASH_PENDING, CASH_AVAILABLE),
    )


def _move(
    request: Request,
    command: Review,
    state: State,
    pair: ActivePair,
    name: str,
    target: str,
    path: tuple[str, ...],
) -> Decision:
    held = state.cash_transaction
    if held is None or held.type != "withdrawal" or held.player_id != str(request.player_id):
        raise TransactionNotFound
    moved = CashTransactionAnswer(tx_id=held.transaction_id, type=held.type, state=target)
    answer = CashAnswer(transaction=moved)
    if held.state == target:
        return unchanged(name, pair.reference, answer)
    if target not in TRANSITIONS.get(held.state, ()):
        message = f"a withdrawal cannot go from {held.state} to {target}"
        states = {"from_state": held.state, "to_state": target, "tx_type": held.type}
        return refuse(
            name,
            pair,
            409,
            "ILLEGAL_TRANSACTION_STATE_TRANSITION",
            message,
            starts_new=False,
            **states,
        )
    legs = tuple(
        Leg(account, sign * held.amount, held.currency)
        for account, sign in zip(path, (-1, 1), strict=False)
    )
    return Decision(
        command=name,
        status=200,
        body=answer,
        pair=pair.reference,
        starts_new=False,
        legs=legs,
        cash_transaction=_moved(held, target, command.reviewed_by),
        events=_paid_event(request, held) if target == "paid" else (),
    )


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
    account = pair.topology.account(bucket.code)
    multiplier = pair.policy.rolling.deposit.get(bucket.code, "0")
    return _PaidIn(
        legs=(Leg(CASH_AVAILABLE, -amount, currency), Leg(account, amount, currency)),
        transfers=(
            TransferRecord(str(request.transaction_id), "DEPOSIT", CASH_AVAILABLE, account, amount),
        ),
        required=require_turnover(
            request, pair, Turnover(bucket, amount, currency, multiplier, "deposit")
        ),
    )


def _normal_bucket(pair: ActivePair, code: str) -> Bucket:
    bucket = pair.topology.bucket(code)
    if bucket is None or bucket.kind != "normal":
        normal = [b.code for b in pair.topology.buckets if b.kind == "normal"]
        raise BucketInvalid(
            f"bucket {code!r} cannot take a deposit; the active topology takes {', '.join(normal)}"
        )
    return bucket


def _shown(
    request: Request, kind: str, state: str, amount: int, currency: str
) -> CashTransactionAnswer:
    return CashTransactionAnswer(
        tx_id=str(request.transaction_id),
        type=kind,
        state=state,
        amount=format_amount(amount, currency),
        currency=currency,
    )


def _blocked(state: State) -> bool:
    return state.player is not None and state.player.status == "blocked"


def _refuse_blocked(name: str, pair: ActivePair) -> Decision:
    return refuse(
        name,
        pair,
        409,
        "PLAYER_BLOCKED",
        "the player is blocked; the money stays where it is",
        starts_new=True,
    )


def _short(
    name: str, pair: ActivePair, status: int, held: int, currency: str, words: str
) -> Decision:
    available = format_amount(held, currency)
    return refuse(
        name,
        pair,
        status,
        INSUFFICIENT_FUNDS,
        f"{words} {available} {currency}",
        starts_new=True,
        available=available,
    )
