"""Routes of game_service; the gateway authenticates providers and forwards their callbacks."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from uuid import UUID

from msgspec import structs

from wallet_runtime.contract.headers import REQUEST_ID_HEADER
from wallet_runtime.contract.processes import GAME_SERVICE, WALLET_SERVICE
from wallet_runtime.game import domain, store
from wallet_runtime.game.store import Callback
from wallet_runtime.plumbing import money
from wallet_runtime.plumbing.errors import Invalid, PassedThrough
from wallet_runtime.plumbing.http.app import Answer, Call, Route, Service
from wallet_runtime.plumbing.http.body import Body
from wallet_runtime.plumbing.http.fields import ForeignId, Reason, in_utc
from wallet_runtime.plumbing.http.headers import scoped_id
from wallet_runtime.plumbing.http.service_client import ServiceClient
from wallet_runtime.plumbing.runtime.context import Context
from wallet_runtime.plumbing.runtime.database import Database, Row

PAGE_SIZE_MAX = 500
NUMBER_DIGITS_MAX = 20


class Authorize(Body):
    """A bet that a provider places, with its stake in major units and optional odds (`price`).

    The policy and the player's choice decide which money pays for it.
    """

    provider_id: str
    player_id: UUID
    bet_id: ForeignId
    round_id: ForeignId
    amount: str
    currency: str
    game_id: ForeignId | None = None
    price: str | None = None


class Settle(Body):
    """The settlement of a bet, with its payout in major units; "0" is valid."""

    provider_id: str
    player_id: UUID
    bet_id: ForeignId
    round_id: ForeignId
    payout: str


class Rollback(Body):
    """The rollback of a bet by its provider."""

    provider_id: str
    player_id: UUID
    bet_id: ForeignId
    round_id: ForeignId
    reason: Reason | None = None


class Win(Body):
    """A win beside a bet's payout, either of a campaign or on a bet of a round.

    The amount is in major units. `transaction_id` is the provider's id of the win.
    """

    provider_id: str
    player_id: UUID
    transaction_id: ForeignId
    amount: str
    currency: str
    campaign: ForeignId | None = None
    bet_id: ForeignId | None = None
    round_id: ForeignId | None = None


class WinReversal(Body):
    """The reversal of a win by its provider."""

    provider_id: str
    player_id: UUID
    transaction_id: ForeignId


def authorize(context: Context, call: Call) -> Answer:
    """Record the round and the callback, then have the wallet authorize the bet."""
    asked: Authorize = call.body
    provider_type = domain.provider_type(asked.provider_id)
    stake = money.parse_amount(asked.amount, asked.currency)
    callback = _callback(call, "authorize", asked, asked.amount)
    store.record_authorize(
        context.database, callback, currency=asked.currency, stake=stake, game_id=asked.game_id
    )
    return _ask_wallet(context, call, callback, _authorization(asked, provider_type))


def _authorization(asked: Authorize, provider_type: str) -> Row:
    body = {
        "player_id": asked.player_id,
        "provider_id": asked.provider_id,
        "provider_type": provider_type,
        "bet_id": asked.bet_id,
        "round_id": asked.round_id,
        "amount": asked.amount,
        "currency": asked.currency,
    }
    if asked.price is not None:
        body["price"] = asked.price
    return body


def settle(context: Context, call: Call) -> Answer:
    """Record the callback, then have the wallet settle the bet.

    The payout is only parsed here: the wallet knows the bet's currency and checks the amount.
    """
    asked: Settle = call.body
    domain.provider_type(asked.provider_id)
    money.canonical_amount(asked.payout)
    callback = _callback(call, "settle", asked, asked.payout)
    store.record_close(context.database, callback)
    body = {
        "player_id": asked.player_id,
        "provider_id": asked.provider_id,
        "bet_id": asked.bet_id,
        "payout": asked.payout,
    }
    return _ask_wallet(context, call, callback, body)


def rollback(context: Context, call: Call) -> Answer:
    """Record the callback, then have the wallet roll the bet back."""
    asked: Rollback = call.body
    domain.provider_type(asked.provider_id)
    callback = _callback(call, "rollback", asked, None)
    store.record_close(context.database, callback)
    body = {"player_id": asked.player_id, "provider_id": asked.provider_id, "bet_id": asked.bet_id}
    return _ask_wallet(context, call, callback, body)


def win(context: Context, call: Call) -> Answer:
    """Record the win, then have the wallet pay it."""
    asked: Win = call.body
    provider_type = domain.provider_type(asked.provider_id)
    amount = money.parse_amount(asked.amount, asked.currency)
    call.command_id()
    said = structs.asdict(asked)
    store.record_win(context.database, _named_win(call, asked), said | {"amount": amount})
    body = {name: value for name, value in said.items() if value is not None}
    body["provider_type"] = provider_type
    return _ask_wallet_for_win(context, call, asked, "wins", body)


def reverse_win(context: Context, call: Call) -> Answer:
    """Have the wallet take a win back."""
    asked: WinReversal = call.body
    domain.provider_type(asked.provider_id)
    return _ask_wallet_for_win(context, call, asked, "wins/reverse", structs.asdict(asked))


def show_wins(context: Context, call: Call) -> Answer:
    """Return a page of the wins that a mock provider reported in [from, to).

    The answer is {provider_id, wins, next_cursor}; the query parameters are those of
    `show_statement`.
    """
    provider_id, rows, next_cursor = _page(context, call, store.read_wins)
    wins = [_shown(row, "amount") for row in rows]
    return Answer(200, {"provider_id": provider_id, "wins": wins, "next_cursor": next_cursor})


def show_statement(context: Context, call: Call) -> Answer:
    """Return a page of the bets that a mock provider placed in [from, to).

    The answer is {provider_id, bets, next_cursor}. The query parameters `from` and `to` are ISO
    8601 times with a zone, `limit` is at most 500, and `cursor` is the `next_cursor` of the page
    before. Without the X-Brand-Id header the page covers all brands.
    """
    provider_id, rows, next_cursor = _page(context, call, store.read_statement)
    bets = [_shown(row, "stake", "payout") for row in rows]
    return Answer(200, {"provider_id": provider_id, "bets": bets, "next_cursor": next_cursor})


def _page(
    context: Context, call: Call, read: Callable[[Database, store.Page], list[Row]]
) -> tuple[str, list[Row], str | None]:
    """Read one page by the request's query parameters.

    Return the provider's id, the rows, and the cursor of the next page or None.
    """
    page = _wanted_page(call)
    rows = read(context.database, page)
    is_full = len(rows) == page.limit
    return page.provider_id, rows, str(rows[-1]["sequence"]) if is_full else None


def _wanted_page(call: Call) -> store.Page:
    provider_id = call.path["provider_id"]
    domain.provider_type(provider_id)
    limit = _number(call, "limit", PAGE_SIZE_MAX, lowest=1, highest=PAGE_SIZE_MAX)
    return store.Page(
        provider_id,
        call.brand_id,
        placed_from=_time(call, "from"),
        placed_to=_time(call, "to"),
        cursor=_number(call, "cursor", 0, lowest=0, highest=money.MINOR_UNITS_MAX),
        limit=limit,
    )


def _named_win(call: Call, asked: Win | WinReversal) -> store.NamedWin:
    return store.NamedWin(
        call.brand(), asked.provider_id, asked.transaction_id, asked.player_id, call.canary_token
    )


def _ask_wallet_for_win(
    context: Context, call: Call, asked: Win | WinReversal, path: str, body: Row
) -> Answer:
    """Send a win or its reversal to the wallet, and record the win's new state."""
    request_id = scoped_id(asked.provider_id, call.command_id(), REQUEST_ID_HEADER)
    reversal, named = isinstance(asked, WinReversal), _named_win(call, asked)
    try:
        answer = _post(context, call, path, body, request_id)
    except PassedThrough as error:
        if domain.is_final(error.status, error.code) and not reversal:
            store.record_win_outcome(context.database, named, "REFUSED")
        raise
    store.record_win_outcome(context.database, named, "REVERSED" if reversal else "PAID")
    return answer


def _post(context: Context, call: Call, path: str, body: Row, request_id: str) -> Answer:
    return ServiceClient(context).forward(
        call, WALLET_SERVICE, "POST", f"/internal/wallet/v2/{path}", body, request_id=request_id
    )


def _callback(
    call: Call, kind: domain.Kind, asked: Authorize | Settle | Rollback, amount: str | None
) -> Callback:
    request_id = call.command_id()
    return Callback(
        kind,
        call.brand(),
        asked.provider_id,
        request_id,
        asked.bet_id,
        asked.round_id,
        asked.player_id,
        amount,
        scoped_id(asked.provider_id, request_id, REQUEST_ID_HEADER),
        call.canary_token,
    )


def _ask_wallet(context: Context, call: Call, callback: Callback, body: Row) -> Answer:
    """Send a bet's command to the wallet, and record a final answer.

    After an error that is not final, such as a timeout, the callback stays open for a retry.
    """
    record = partial(store.record_outcome, context.database, callback)
    try:
        answer = _post(context, call, f"bets/{callback.kind}", body, callback.wallet_request_id)
    except PassedThrough as error:
        if domain.is_final(error.status, error.code):
            record(status=error.status, code=error.code, terms=domain.Terms())
        raise
    record(status=answer.status, code=None, terms=domain.read_terms(answer.body))
    return answer


def _shown(row: Row, *amounts: str) -> Row:
    """Return a row for an answer: without its cursor, and with amounts as text in major units."""
    shown = {name: value for name, value in row.items() if name != "sequence"}
    for name in amounts:
        if row[name] is not None:
            shown[name] = money.format_amount(row[name], row["currency"])
    return shown


def _time(call: Call, name: str) -> datetime:
    text, where = call.query.get(name, ""), f"query parameter {name}"
    try:
        value = datetime.fromisoformat(text)
    except ValueError:
        raise Invalid(
            f"{where} must be a time with a zone such as 2026-11-20T00:00:00Z, found {text[:40]!r}"
        ) from None
    return in_utc(value, where)


def _number(call: Call, name: str, default: int, *, lowest: int, highest: int) -> int:
    text = call.query.get(name)
    if text is None:
        return default
    if _is_number(text) and lowest <= int(text) <= highest:
        return int(text)
    raise Invalid(
        f"query parameter {name} must be a whole number from {lowest} to {highest},"
        f" found {text[:20]!r}"
    )


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= NUMBER_DIGITS_MAX


SERVICE = Service(
    GAME_SERVICE,
    routes=(
        Route("POST", "/internal/game/bets/authorize", authorize, Authorize),
        Route("POST", "/internal/game/bets/settle", settle, Settle),
        Route("POST", "/internal/game/bets/rollback", rollback, Rollback),
        Route("POST", "/internal/game/wins", win, Win),
        Route("POST", "/internal/game/wins/reverse", reverse_win, WinReversal),
        Route("GET", "/internal/game/providers/{provider_id}/wins", show_wins),
        Route("GET", "/internal/game/providers/{provider_id}/statement", show_statement),
    ),
)
