"""Routes of bets, deposits, withdrawals and players."""

from dataclasses import replace
from functools import partial
from uuid import UUID

from wallet_runtime.contract.money import CURRENCY_EXPONENTS
from wallet_runtime.plumbing.errors import Invalid
from wallet_runtime.plumbing.http.app import Answer, Call, Route
from wallet_runtime.plumbing.http.body import Body
from wallet_runtime.plumbing.http.fields import ForeignId, Reason
from wallet_runtime.plumbing.http.headers import confirm_identifier
from wallet_runtime.plumbing.money import InvalidCurrency, canonical_amount
from wallet_runtime.plumbing.runtime.context import Context
from wallet_runtime.wallet.api.command import (
    PREFIX,
    CurrencyMismatch,
    Rule,
    amount_of,
    batch_item,
    batch_result,
    confirm_provider_type,
    name_request,
    perform,
)
from wallet_runtime.wallet.domain import bets, cash
from wallet_runtime.wallet.domain.player import currency_of
from wallet_runtime.wallet.domain.reads import Reads
from wallet_runtime.wallet.domain.snapshot import snapshot
from wallet_runtime.wallet.domain.turnover import parse_price
from wallet_runtime.wallet.store.batch import COMMANDS_MAX, BatchItem, perform_many
from wallet_runtime.wallet.store.money import money_of

SETTLE_PATH = f"{PREFIX}/bets/settle"


class AuthorizeBody(Body):
    """A stake to take, as game_service reports it."""

    player_id: UUID
    provider_id: ForeignId
    provider_type: str
    bet_id: ForeignId
    round_id: ForeignId
    amount: str
    currency: str
    price: str | None = None


class SettleBody(Body):
    """The result of a bet; `payout` is zero for a lost bet."""

    player_id: UUID
    provider_id: ForeignId
    bet_id: ForeignId
    payout: str


class SettleItem(SettleBody):
    """One result of a batch, with a request id of its own."""

    request_id: str


class SettleBatchBody(Body):
    """Up to 50 results that a provider reports together."""

    bets: tuple[SettleItem, ...]


class RollbackBody(Body):
    """A bet to roll back."""

    player_id: UUID
    provider_id: ForeignId
    bet_id: ForeignId


class DepositBody(Body):
    """A deposit that the PSP has captured."""

    player_id: UUID
    amount: str
    currency: str
    bucket: str | None = None
    psp_reference: ForeignId | None = None


class WithdrawBody(Body):
    """An amount to move from WITHDRAWABLE to cash, or to pay out of cash."""

    player_id: UUID
    amount: str
    currency: str


class ToBucketBody(Body):
    """An amount of cash to move into a normal bucket."""

    player_id: UUID
    amount: str
    currency: str
    bucket: str


class ReviewBody(Body):
    """A withdrawal whose state to change; the back office keeps `reason` in its audit."""

    transaction_id: UUID
    reason: Reason | None = None


class CancelBody(Body):
    """A withdrawal that its player cancels before approval."""

    player_id: UUID
    transaction_id: UUID


class PlayerBody(Body):
    """A player to open a wallet for."""

    player_id: UUID
    currency: str
    canary: bool = False


def authorize(context: Context, call: Call) -> Answer:
    """Take a stake (POST /internal/wallet/v2/bets/authorize)."""
    body: AuthorizeBody = call.body
    confirm_provider_type(body.provider_type)
    command = _stake(body)
    reads = bets.authorize_reads(command)
    return perform(context, call, command, bets.authorize, reads)


def _stake(body: AuthorizeBody) -> bets.Authorize:
    return bets.Authorize(
        provider_id=body.provider_id,
        provider_type=body.provider_type,
        bet_id=body.bet_id,
        round_id=body.round_id,
        stake=amount_of(body),
        currency=body.currency,
        price=None if body.price is None else parse_price(body.price),
    )


def settle(context: Context, call: Call) -> Answer:
    """Settle a bet (POST /internal/wallet/v2/bets/settle).

    The payout is in the bet's own currency.
    """
    body: SettleBody = call.body
    command = _settlement(body)
    return perform(context, call, command, bets.settle, bets.settle_reads(command))


def settle_batch(context: Context, call: Call) -> Answer:
    """Settle many bets (POST /internal/wallet/v2/bets/settle-batch).

    Every bet is settled as by the settle route, but all share two round trips to the database and
    one commit.

    The answer is 200 with one result per bet, in order: `request_id`, `status` and `body` as the
    settle route answers. A bet that was sent to the settle route with this request id is the same
    request.
    """
    body: SettleBatchBody = call.body
    if not 1 <= len(body.bets) <= COMMANDS_MAX:
        raise Invalid(f"bets must be 1 to {COMMANDS_MAX}, found {len(body.bets)}")
    call.command_id()
    items = [_settle_item(context, call, bet) for bet in body.bets]
    results = perform_many(money_of(context.database), items)
    request_ids = (item.request.request_id for item in items)
    return Answer(200, {"results": list(map(batch_result, request_ids, results))})


def _settle_item(context: Context, call: Call, bet: SettleItem) -> BatchItem:
    """Wrap one result of a batch, with the request that the settle route would name."""
    command, request_id = _settlement(bet), confirm_identifier(bet.request_id, "request_id")
    alone = replace(call, request_id=request_id, route=SETTLE_PATH)
    request = name_request(alone, bet.player_id, command)
    return batch_item(context, request, command, bets.settle, bets.settle_reads(command))


def rollback(context: Context, call: Call) -> Answer:
    """Roll a bet back (POST /internal/wallet/v2/bets/rollback)."""
    body: RollbackBody = call.body
    command = bets.Rollback(body.provider_id, body.bet_id)
    reads = bets.rollback_reads(command)
    return perform(context, call, command, bets.rollback, reads)


def deposit(context: Context, call: Call) -> Answer:
    """Book a captured deposit (POST /internal/wallet/v2/deposits/approve)."""
    body: DepositBody = call.body
    command = cash.Deposit(amount_of(body), body.currency, body.bucket, body.psp_reference)
    return perform(context, call, command, cash.deposit)


def deposit_cash(context: Context, call: Call) -> Answer:
    """Move cash into a bucket (POST /internal/wallet/v2/deposits/wallet)."""
    body: ToBucketBody = call.body
    command = cash.ToBucket(amount_of(body), body.currency, body.bucket)
    return perform(context, call, command, cash.to_bucket)


def withdraw(rule: Rule, context: Context, call: Call) -> Answer:
    """Move an amount from WITHDRAWABLE to cash, or request a payout of cash."""
    body: WithdrawBody = call.body
    command = cash.Withdraw(amount_of(body), body.currency)
    return perform(context, call, command, rule)


def review(rule: Rule, context: Context, call: Call) -> Answer:
    """Change the state of a withdrawal by `rule`. The withdrawal itself names its player."""
    body: ReviewBody = call.body
    owner = money_of(context.database).owner_of_transaction(call.brand(), body.transaction_id)
    if owner is None:
        raise cash.TransactionNotFound
    return _review(context, call, owner, body.transaction_id, rule)


def _review(
    context: Context, call: Call, player_id: UUID, transaction_id: UUID, rule: Rule
) -> Answer:
    command = cash.Review(str(transaction_id), call.caller)
    reads = Reads(cash_transaction_id=command.transaction_id)
    return perform(context, call, command, rule, reads, player_id)


def cancel_withdrawal(context: Context, call: Call) -> Answer:
    """Cancel a requested withdrawal (POST /internal/wallet/v2/withdrawals/cancel).

    A withdrawal of another player is a 404.
    """
    body: CancelBody = call.body
    return _review(context, call, body.player_id, body.transaction_id, cash.cancel)


def register_player(context: Context, call: Call) -> Answer:
    """Open a player's wallet in one currency (POST /internal/wallet/v2/players).

    A repeat changes nothing, and another currency is a 422.
    """
    body: PlayerBody = call.body
    _confirm_known(body.currency)
    held = money_of(context.database).register(
        call.brand(), body.player_id, body.currency, body.canary, call.fence_token
    )
    if held != body.currency:
        raise CurrencyMismatch(f"the player's wallet is in {held}, not in {body.currency}")
    return Answer(200, {"player_id": str(body.player_id), "currency": held})


def _confirm_known(currency: str) -> None:
    if currency not in CURRENCY_EXPONENTS:
        known = ", ".join(CURRENCY_EXPONENTS)
        raise InvalidCurrency(f"a wallet is in one of {known}, found {currency[:16]!r}")


def show_snapshot(context: Context, call: Call) -> Answer:
    """Show every account of a player (GET /internal/wallet/v2/players/{player_id}/snapshot)."""
    player_id = call.path_uuid("player_id")
    state, pair = money_of(context.database).look(name_request(call, player_id, None))
    return Answer(200, snapshot(call.brand(), player_id, currency_of(state), state, pair))


def _settlement(body: SettleBody) -> bets.Settle:
    return bets.Settle(body.provider_id, body.bet_id, canonical_amount(body.payout))


ROUTES = (
    Route("POST", f"{PREFIX}/players", register_player, PlayerBody),
    Route("GET", f"{PREFIX}/players/{{player_id}}/snapshot", show_snapshot),
    Route("POST", f"{PREFIX}/bets/authorize", authorize, AuthorizeBody),
    Route("POST", SETTLE_PATH, settle, SettleBody),
    Route("POST", f"{SETTLE_PATH}-batch", settle_batch, SettleBatchBody),
    Route("POST", f"{PREFIX}/bets/rollback", rollback, RollbackBody),
    Route("POST", f"{PREFIX}/deposits/approve", deposit, DepositBody),
    Route("POST", f"{PREFIX}/deposits/wallet", deposit_cash, ToBucketBody),
    Route("POST", f"{PREFIX}/withdrawals/wallet", partial(withdraw, cash.to_cash), WithdrawBody),
    Route(
        "POST",
        f"{PREFIX}/withdrawals/request",
        partial(withdraw, cash.request_withdrawal),
        WithdrawBody,
    ),
    Route("POST", f"{PREFIX}/withdrawals/approve", partial(review, cash.approve), ReviewBody),
    Route("POST", f"{PREFIX}/withdrawals/reject", partial(review, cash.reject), ReviewBody),
    Route("POST", f"{PREFIX}/withdrawals/mark-paid", partial(review, cash.mark_paid), ReviewBody),
    Route(
        "POST", f"{PREFIX}/withdrawals/payout-failed", partial(review, cash.fail_payout), ReviewBody
    ),
    Route("POST", f"{PREFIX}/withdrawals/cancel", cancel_withdrawal, CancelBody),
)
