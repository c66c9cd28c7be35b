"""Routes of player_service. All are internal; the gateway forwards the requests of players."""

from typing import Literal
from uuid import UUID

from wallet_runtime.contract.money import CURRENCY_EXPONENTS
from wallet_runtime.contract.processes import PLAYER_SERVICE, WALLET_SERVICE
from wallet_runtime.player import store
from wallet_runtime.player.domain import agreed_brand, choose_player_id, confirm_same
from wallet_runtime.plumbing import money
from wallet_runtime.plumbing.http.app import Answer, Call, Route, Service
from wallet_runtime.plumbing.http.auth import SESSION_SECONDS, issue_session
from wallet_runtime.plumbing.http.body import Body
from wallet_runtime.plumbing.http.service_client import ServiceClient
from wallet_runtime.plumbing.runtime.context import Context


class NewPlayer(Body):
    """The registration of a player.

    Without `player_id` the id is derived from brand and request id, so that a repeat gets the same.
    """

    currency: str
    brand_id: UUID | None = None
    player_id: UUID | None = None
    canary: bool = False


class Deposit(Body):
    """A deposit in major units, into `bucket` if it is given, otherwise to cash."""

    amount: str
    currency: str
    bucket: str | None = None


class WalletDeposit(Body):
    """A transfer of cash into a bucket, in major units."""

    amount: str
    currency: str
    bucket: str


class Withdrawal(Body):
    """The amount of a withdrawal, in major units."""

    amount: str
    currency: str


class Transfer(Body):
    """A transfer between two buckets, in major units."""

    from_bucket: str
    to_bucket: str
    amount: str
    currency: str


class LegacyTransfer(Body):
    """A transfer between the normal buckets of sports and casino, in major units."""

    from_side: Literal["sports", "casino"]
    amount: str
    currency: str


class PointsTransfer(Body):
    """A conversion of whole points to money; `target` is a target of the policy."""

    points: str
    target: str


class FundingChoice(Body):
    """A player's choice of the money that pays for bets of one provider type.

    wallet_service checks both values.
    """

    provider_type: str
    source: str


class Empty(Body):
    """An empty JSON object, for a route whose path says all."""


def register(context: Context, call: Call) -> Answer:
    """Create a player here and in wallet_service, unless the player exists.

    The answer is {player_id, currency, session} with a new session token.
    """
    wanted: NewPlayer = call.body
    brand_id, request_id = agreed_brand(call.brand(), wanted.brand_id), call.command_id()
    _confirm_currency(wanted.currency)
    player_id = choose_player_id(brand_id, wanted.player_id, request_id)
    _create(context, call, player_id)
    body = {"player_id": player_id, "currency": wanted.currency, "canary": wanted.canary}
    _post(context, call, "/internal/wallet/v2/players", body)
    session = _session(context, brand_id, player_id)
    return Answer(201, {"player_id": player_id, "currency": wanted.currency, "session": session})


def show_wallet(context: Context, call: Call) -> Answer:
    """Return the wallet of a player of this brand."""
    call.brand()
    player_id = call.path_uuid("player_id")
    return ServiceClient(context).forward(
        call, WALLET_SERVICE, "GET", f"/internal/wallet/v2/players/{player_id}/snapshot"
    )


def deposit(context: Context, call: Call) -> Answer:
    """Credit a deposit; return {transaction, balance}.

    The mock PSP captures every deposit at once, so only its reference is made here.
    """
    wanted: Deposit = call.body
    further = {"psp_reference": f"mockpsp-{call.command_id()}"}
    if wanted.bucket is not None:
        further["bucket"] = wanted.bucket
    return _move(
        context,
        call,
        "/internal/wallet/v2/deposits/approve",
        wanted.amount,
        wanted.currency,
        further,
    )


def deposit_cash(context: Context, call: Call) -> Answer:
    """Move the player's cash into a bucket; return {transfer_id, bucket, balance}."""
    wanted: WalletDeposit = call.body
    return _move(
        context,
        call,
        "/internal/wallet/v2/deposits/wallet",
        wanted.amount,
        wanted.currency,
        {"bucket": wanted.bucket},
    )


def withdraw(context: Context, call: Call) -> Answer:
    """Request a withdrawal, which makes available cash pending; return {transaction, balance}."""
    wanted: Withdrawal = call.body
    return _move(
        context, call, "/internal/wallet/v2/withdrawals/request", wanted.amount, wanted.currency, {}
    )


def withdraw_from_wallet(context: Context, call: Call) -> Answer:
    """Move money from the WITHDRAWABLE bucket to cash; return {transaction, balance}."""
    wanted: Withdrawal = call.body
    return _move(
        context, call, "/internal/wallet/v2/withdrawals/wallet", wanted.amount, wanted.currency, {}
    )


def transfer(context: Context, call: Call) -> Answer:
    """Move money between two buckets along an edge of the topology."""
    wanted: Transfer = call.body
    ends = {"from_bucket": wanted.from_bucket, "to_bucket": wanted.to_bucket}
    return _move(
        context, call, "/internal/wallet/v2/transfers", wanted.amount, wanted.currency, ends
    )


def legacy_transfer(context: Context, call: Call) -> Answer:
    """Move money between the normal buckets of sports and casino.

    Nothing moves if the active topology has one bucket for both.
    """
    wanted: LegacyTransfer = call.body
    return _move(
        context,
        call,
        "/internal/wallet/v2/transfers/legacy",
        wanted.amount,
        wanted.currency,
        {"from_side": wanted.from_side},
    )


def transfer_points(context: Context, call: Call) -> Answer:
    """Convert a player's points to money of one of the policy's targets."""
    wanted: PointsTransfer = call.body
    player_id = _confirm_player(context, call)
    body = {"player_id": player_id, "points": wanted.points, "target": wanted.target}
    return _post(context, call, "/internal/wallet/v2/points/transfer", body)


def show_funding_choice(context: Context, call: Call) -> Answer:
    """Return the funding sources that the player may choose, and the chosen ones."""
    return _funding_choice(context, call, "GET")


def choose_funding(context: Context, call: Call) -> Answer:
    """Save the player's choice of a funding source in wallet_service."""
    call.command_id()
    return _funding_choice(context, call, "PUT")


def cancel_withdrawal(context: Context, call: Call) -> Answer:
    """Cancel a player's own withdrawal before it is approved."""
    player_id = _confirm_player(context, call)
    body = {"player_id": player_id, "transaction_id": call.path_uuid("transaction_id")}
    return _post(context, call, "/internal/wallet/v2/withdrawals/cancel", body)


def _funding_choice(context: Context, call: Call, method: str) -> Answer:
    brand_id, player_id = call.brand(), call.path_uuid("player_id")
    store.read(context.database, brand_id, player_id)
    path = f"/internal/wallet/v2/players/{player_id}/funding-choice"
    return ServiceClient(context).forward(call, WALLET_SERVICE, method, path, call.body)


def _move(
    context: Context, call: Call, path: str, amount: str, currency: str, further: dict[str, str]
) -> Answer:
    """Check that the amount is valid and the player is of this brand; call wallet_service."""
    brand_id, player_id = call.brand(), call.path_uuid("player_id")
    call.command_id()
    money.parse_amount(amount, currency)
    store.read(context.database, brand_id, player_id)
    body = {"player_id": player_id, "amount": amount, "currency": currency, **further}
    return _post(context, call, path, body)


def _confirm_player(context: Context, call: Call) -> UUID:
    """Return the id of the path's player, which must be of this brand."""
    brand_id, player_id = call.brand(), call.path_uuid("player_id")
    call.command_id()
    store.read(context.database, brand_id, player_id)
    return player_id


def _post(context: Context, call: Call, path: str, body: object) -> Answer:
    return ServiceClient(context).forward(call, WALLET_SERVICE, "POST", path, body)


def _create(context: Context, call: Call, player_id: UUID) -> None:
    wanted: NewPlayer = call.body
    player = store.create(
        context.database,
        call.brand(),
        player_id,
        currency=wanted.currency,
        canary=wanted.canary,
        fence_token=call.fence_token,
    )
    confirm_same(player, wanted.currency, wanted.canary)


def _confirm_currency(currency: str) -> None:
    if currency not in CURRENCY_EXPONENTS:
        raise money.InvalidCurrency(
            f"a player is in one of {', '.join(CURRENCY_EXPONENTS)}, found {currency[:16]!r}"
        )


def _session(context: Context, brand_id: UUID, player_id: UUID) -> str:
    key = context.settings.player_session_key
    if key is None:
        raise AssertionError("player_service was started without PLAYER_SESSION_KEY")
    return issue_session(key, brand_id, player_id, int(context.clock()) + SESSION_SECONDS)


SERVICE = Service(
    PLAYER_SERVICE,
    routes=(
        Route("POST", "/internal/players", register, NewPlayer),
        Route("GET", "/internal/players/{player_id}/wallet", show_wallet),
        Route("GET", "/internal/players/{player_id}/funding-choice", show_funding_choice),
        Route("PUT", "/internal/players/{player_id}/funding-choice", choose_funding, FundingChoice),
        Route("POST", "/internal/players/{player_id}/deposit", deposit, Deposit),
        Route("POST", "/internal/players/{player_id}/wallet-deposit", deposit_cash, WalletDeposit),
        Route("POST", "/internal/players/{player_id}/withdraw", withdraw, Withdrawal),
        Route(
            "POST",
            "/internal/players/{player_id}/wallet-withdrawal",
            withdraw_from_wallet,
            Withdrawal,
        ),
        Route(
            "POST",
            "/internal/players/{player_id}/withdrawals/{transaction_id}/cancel",
            cancel_withdrawal,
            Empty,
        ),
        Route("POST", "/internal/players/{player_id}/transfer", transfer, Transfer),
        Route(
            "POST", "/internal/players/{player_id}/legacy-transfer", legacy_transfer, LegacyTransfer
        ),
        Route(
            "POST", "/internal/players/{player_id}/points-transfer", transfer_points, PointsTransfer
        ),
    ),
)
