"""Routes that move money: parse, name the request, perform, translate."""

from collections.abc import Callable
from functools import partial
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid5

import msgspec

from wallet_runtime.contract import CURRENCY_EXPONENTS, PROVIDER_TYPES
from wallet_runtime.plumbing.app import Answer, Call, Route
from wallet_runtime.plumbing.body import Body
from wallet_runtime.plumbing.context import Context
from wallet_runtime.plumbing.errors import Invalid
from wallet_runtime.plumbing.money import InvalidCurrency, canonical_amount, parse_amount
from wallet_runtime.wallet.domain import bets, cash, rolling
from wallet_runtime.wallet.domain.decision import Decision
from wallet_runtime.wallet.domain.snapshot import snapshot
from wallet_runtime.wallet.domain.state import ActivePair, Request, State
from wallet_runtime.wallet.store.money import money_of

# Transaction ids derive from the request, never from the try: a retry after a crash cannot mint a second one.
TRANSACTIONS = UUID("6e0f6a4e-3f0b-5a0a-9d7e-5a6f1f0c7b11")
Rule = Callable[[Request, Any, State, ActivePair], Decision]


class CurrencyMismatch(Invalid):
    """A player has one currency, and this is another one."""

    code = "CURRENCY_MISMATCH"


class AuthorizeBody(Body):
    """A stake to take, as game_service reports it."""

    player_id: UUID
    provider_id: str
    provider_type: str
    bet_id: str
    round_id: str
    amount: str
    currency: str
    source: str | None = None


class SettleBody(Body):
    """A result; `payout` is zero for a lost bet."""

    player_id: UUID
    provider_id: str
    bet_id: str
    payout: str


class RollbackBody(Body):
    """A bet to take back."""

    player_id: UUID
    provider_id: str
    bet_id: str


class DepositBody(Body):
    """A deposit that the PSP has captured."""

    player_id: UUID
    amount: str
    currency: str
    bucket: str | None = None
    psp_reference: str | None = None


class WithdrawBody(Body):
    """An amount to move towards the player's own account."""

    player_id: UUID
    amount: str
    currency: str


class ReviewBody(Body):
    """A withdrawal to decide over; `reason` is kept by the back office's audit."""

    transaction_id: UUID
    reason: str | None = None


class CompleteBody(Body):
    """A rolling whose turnover is reached."""

    player_id: UUID
    rolling_id: UUID


class PlayerBody(Body):
    """A player to open a wallet for."""

    player_id: UUID
    currency: str
    canary: bool = False


def authorize(context: Context, call: Call) -> Answer:
    """Take a stake (POST /internal/wallet/v2/bets/authorize)."""
    body: AuthorizeBody = call.body
    if body.provider_type not in PROVIDER_TYPES:
        raise Invalid(f"provider_type must be one of {', '.join(PROVIDER_TYPES)}, found {body.provider_type[:40]!r}")
    command = bets.Authorize(
        provider_id=_identifier("provider_id", body.provider_id),
        provider_type=body.provider_type,
        bet_id=_identifier("bet_id", body.bet_id),
        round_id=_identifier("round_id", body.round_id),
        stake=parse_amount(body.amount, body.currency),
        currency=body.currency,
        source=body.source,
    )
    return _perform(context, call, body.player_id, command, bets.authorize, _bet_reads(command), body.currency)


def settle(context: Context, call: Call) -> Answer:
    """Settle a bet (POST /internal/wallet/v2/bets/settle). The payout is in the bet's own currency."""
    body: SettleBody = call.body
    command = bets.Settle(_identifier("provider_id", body.provider_id), _identifier("bet_id", body.bet_id), canonical_amount(body.payout))
    return _perform(context, call, body.player_id, command, bets.settle, _bet_reads(command))


def rollback(context: Context, call: Call) -> Answer:
    """Take a bet back (POST /internal/wallet/v2/bets/rollback)."""
    body: RollbackBody = call.body
    command = bets.Rollback(_identifier("provider_id", body.provider_id), _identifier("bet_id", body.bet_id))
    return _perform(context, call, body.player_id, command, bets.rollback, _bet_reads(command))


def deposit(context: Context, call: Call) -> Answer:
    """Book a captured deposit (POST /internal/wallet/v2/deposits/approve)."""
    body: DepositBody = call.body
    command = cash.Deposit(parse_amount(body.amount, body.currency), body.currency, body.bucket, body.psp_reference)
    return _perform(context, call, body.player_id, command, cash.deposit, {}, body.currency)


def withdraw(rule: Rule, context: Context, call: Call) -> Answer:
    """Move an amount from WITHDRAWABLE to cash, or request its payout."""
    body: WithdrawBody = call.body
    command = cash.Withdraw(parse_amount(body.amount, body.currency), body.currency)
    return _perform(context, call, body.player_id, command, rule, {}, body.currency)


def review(rule: Rule, context: Context, call: Call) -> Answer:
    """Approve, reject or mark a withdrawal paid; the player is the withdrawal's own."""
    body: ReviewBody = call.body
    owner = money_of(context.database).owner_of_transaction(call.brand(), body.transaction_id)
    if owner is None:
        raise cash.TransactionNotFound
    command = cash.Review(str(body.transaction_id), call.caller)
    return _perform(context, call, owner, command, rule, {"cash_transaction_id": str(body.transaction_id)})


def complete_rolling(context: Context, call: Call) -> Answer:
    """Complete a rolling (POST /internal/wallet/v2/rollings/complete)."""
    body: CompleteBody = call.body
    command = rolling.Complete(str(body.rolling_id))
    return _perform(context, call, body.player_id, command, rolling.complete, {"rolling_id": str(body.rolling_id)})


def register_player(context: Context, call: Call) -> Answer:
    """Open a player's wallet in one currency (POST /internal/wallet/v2/players); a repeat is no change, another currency a 422."""
    body: PlayerBody = call.body
    if body.currency not in CURRENCY_EXPONENTS:
        raise InvalidCurrency(f"a wallet is in one of {', '.join(CURRENCY_EXPONENTS)}, found {body.currency[:16]!r}")
    held = money_of(context.database).register(call.brand(), body.player_id, body.currency, body.canary)
    if held != body.currency:
        raise CurrencyMismatch(f"the player's wallet is in {held}, not in {body.currency}")
    return Answer(200, {"player_id": str(body.player_id), "currency": held})


def show_snapshot(context: Context, call: Call) -> Answer:
    """Show what a player holds (GET /internal/wallet/v2/players/{player_id}/snapshot)."""
    player_id = call.path_uuid("player_id")
    state, pair = money_of(context.database).look(_request(call, player_id, None))
    assert state.player is not None
    return Answer(200, snapshot(call.brand(), player_id, state.player.currency, state, pair))


def _perform(
    context: Context, call: Call, player_id: UUID, command: msgspec.Struct, rule: Rule, reads: dict[str, str], currency: str = ""
) -> Answer:
    """Perform one command; the fingerprint is over the typed command, so that "10", "10.0" and "10.00" are one payload."""
    call.command_id()
    request = _request(call, player_id, command)

    def decide(state: State, pair: ActivePair) -> Decision:
        if currency and state.player is not None and state.player.currency != currency:
            raise CurrencyMismatch(f"the player's wallet is in {state.player.currency}, not in {currency}")
        return rule(request, command, state, pair)

    status, answer = money_of(context.database).perform(request, reads, decide)
    if status >= 400:
        answer = answer | {"request_id": call.request_id}
    return Answer(status, answer)


def _request(call: Call, player_id: UUID, command: msgspec.Struct | None) -> Request:
    brand, route = call.brand(), call.route
    payload = msgspec.json.encode([player_id, command], order="deterministic")
    transaction_id = uuid5(TRANSACTIONS, f"{brand}|{call.caller}|{route}|{call.request_id}")
    return Request(brand, player_id, call.caller, route, call.request_id, sha256(payload).hexdigest(), transaction_id, call.canary_token)


def _bet_reads(command: bets.Authorize | bets.Settle | bets.Rollback) -> dict[str, str]:
    return {"provider_id": command.provider_id, "bet_id": command.bet_id}


def _identifier(field: str, text: str) -> str:
    if not 1 <= len(text) <= 128 or not text.isprintable() or not text.isascii():
        raise Invalid(f"{field} must be 1 to 128 printable ASCII characters, found {len(text)} characters")
    return text


PREFIX = "/internal/wallet/v2"
ROUTES = (
    Route("POST", f"{PREFIX}/players", register_player, PlayerBody),
    Route("GET", f"{PREFIX}/players/{{player_id}}/snapshot", show_snapshot),
    Route("POST", f"{PREFIX}/bets/authorize", authorize, AuthorizeBody),
    Route("POST", f"{PREFIX}/bets/settle", settle, SettleBody),
    Route("POST", f"{PREFIX}/bets/rollback", rollback, RollbackBody),
    Route("POST", f"{PREFIX}/deposits/approve", deposit, DepositBody),
    Route("POST", f"{PREFIX}/withdrawals/wallet", partial(withdraw, cash.to_cash), WithdrawBody),
    Route("POST", f"{PREFIX}/withdrawals/request", partial(withdraw, cash.request_withdrawal), WithdrawBody),
    Route("POST", f"{PREFIX}/withdrawals/approve", partial(review, cash.approve), ReviewBody),
    Route("POST", f"{PREFIX}/withdrawals/reject", partial(review, cash.reject), ReviewBody),
    Route("POST", f"{PREFIX}/withdrawals/mark-paid", partial(review, cash.mark_paid), ReviewBody),
    Route("POST", f"{PREFIX}/rollings/complete", complete_rolling, CompleteBody),
)
