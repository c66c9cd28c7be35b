"""Public routes for providers and players, and the back office's maintenance switch."""

from functools import partial
from typing import Literal
from uuid import UUID

import msgspec

from wallet_runtime.contract.headers import IDEMPOTENCY_KEY_HEADER
from wallet_runtime.contract.processes import GAME_SERVICE, GATEWAY, PLAYER_SERVICE, WALLET_SERVICE
from wallet_runtime.gateway import store
from wallet_runtime.gateway.domain import confirm_no_maintenance, confirm_open
from wallet_runtime.plumbing.http import auth
from wallet_runtime.plumbing.http.app import Answer, Call, Route, Service
from wallet_runtime.plumbing.http.body import Body
from wallet_runtime.plumbing.http.fields import ForeignId, Reason
from wallet_runtime.plumbing.http.headers import scoped_id
from wallet_runtime.plumbing.http.service_client import ServiceClient
from wallet_runtime.plumbing.runtime.context import Context


class Authorize(Body, omit_defaults=True):
    """A bet that a provider places.

    The policy decides which money pays, so a provider cannot name a source or bucket (STG-7).
    """

    player_id: UUID
    bet_id: ForeignId
    round_id: ForeignId
    amount: str
    currency: str
    game_id: ForeignId | None = None
    price: str | None = None


class Settle(Body):
    """The settlement of a bet by its provider; a payout of "0" is valid."""

    player_id: UUID
    bet_id: ForeignId
    round_id: ForeignId
    payout: str


class Rollback(Body, omit_defaults=True):
    """The rollback of a bet by its provider."""

    player_id: UUID
    bet_id: ForeignId
    round_id: ForeignId
    reason: Reason | None = None


class Win(Body, omit_defaults=True):
    """A win beside a bet's payout, either of a campaign or on a bet of a round."""

    player_id: UUID
    transaction_id: ForeignId
    amount: str
    currency: str
    campaign: ForeignId | None = None
    bet_id: ForeignId | None = None
    round_id: ForeignId | None = None


class WinReversal(Body):
    """The reversal of a win by its provider."""

    player_id: UUID
    transaction_id: ForeignId


class Deposit(Body, omit_defaults=True):
    """A player's deposit, into `bucket` if it is given, otherwise to cash."""

    amount: str
    currency: str
    bucket: ForeignId | None = None


class WalletDeposit(Body):
    """A transfer of a player's cash into a bucket."""

    amount: str
    currency: str
    bucket: ForeignId


class Withdrawal(Body):
    """The amount of a withdrawal, or of a transfer on a legacy route."""

    amount: str
    currency: str


class Transfer(Body):
    """A player's transfer between two buckets."""

    from_bucket: ForeignId
    to_bucket: ForeignId
    amount: str
    currency: str


class PointsTransfer(Body):
    """A conversion of a player's points to money; `target` is a target of the policy."""

    points: str
    target: ForeignId


class FundingChoice(Body):
    """A player's choice of the money that pays for bets of one provider type."""

    provider_type: Literal["SPORTS", "LIVE", "SLOTS"]
    source: ForeignId


class Empty(Body):
    """An empty JSON object, for a route whose path says all."""


class MaintenanceSwitch(Body):
    """The new state of the maintenance switch, and the message that clients see."""

    is_active: bool
    message: Reason = ""


def authorize(context: Context, call: Call) -> Answer:
    """Forward a new bet to game_service; an ingress freeze or maintenance stops it."""
    return _provider_command(context, call, "bets/authorize", starts_new=True)


def settle(context: Context, call: Call) -> Answer:
    """Forward a settlement to game_service, also during an ingress freeze."""
    return _provider_command(context, call, "bets/settle", starts_new=False)


def rollback(context: Context, call: Call) -> Answer:
    """Forward a rollback to game_service, also during an ingress freeze."""
    return _provider_command(context, call, "bets/rollback", starts_new=False)


def win(context: Context, call: Call) -> Answer:
    """Forward a win to game_service.

    A campaign's win is new business, so an ingress freeze stops it. A win on a bet is not.
    """
    wanted: Win = call.body
    return _provider_command(context, call, "wins", starts_new=wanted.campaign is not None)


def reverse_win(context: Context, call: Call) -> Answer:
    """Forward a win's reversal to game_service, also during an ingress freeze."""
    return _provider_command(context, call, "wins/reverse", starts_new=False)


def show_wallet(context: Context, call: Call) -> Answer:
    """Return the player's wallet; reads work at every freeze level."""
    call.brand()
    return ServiceClient(context).forward(
        call, PLAYER_SERVICE, "GET", f"/internal/players/{call.player()}/wallet"
    )


def deposit(context: Context, call: Call) -> Answer:
    """Forward a player's deposit."""
    return _player_command(context, call, "deposit")


def deposit_cash(context: Context, call: Call) -> Answer:
    """Forward a transfer of cash into a bucket."""
    return _player_command(context, call, "wallet-deposit")


def withdraw(context: Context, call: Call) -> Answer:
    """Forward a player's request for a withdrawal."""
    return _player_command(context, call, "withdraw")


def withdraw_from_wallet(context: Context, call: Call) -> Answer:
    """Forward a transfer of withdrawable money to cash."""
    return _player_command(context, call, "wallet-withdrawal")


def cancel_withdrawal(context: Context, call: Call) -> Answer:
    """Forward the cancellation of a withdrawal, also during an ingress freeze."""
    return _player_command(
        context, call, f"withdrawals/{call.path_uuid('transaction_id')}/cancel", starts_new=False
    )


def transfer(context: Context, call: Call) -> Answer:
    """Forward a transfer between two buckets."""
    return _player_command(context, call, "transfer")


def legacy_transfer(from_side: str, context: Context, call: Call) -> Answer:
    """Forward a transfer between sports and casino from a legacy route (FLOW-11).

    The wallet answers without a change if the active topology has one wallet for both.
    """
    wanted: Withdrawal = call.body
    body = {"from_side": from_side, "amount": wanted.amount, "currency": wanted.currency}
    return _player_command(context, call, "legacy-transfer", body=body)


def transfer_points(context: Context, call: Call) -> Answer:
    """Forward a conversion of points to money."""
    return _player_command(context, call, "points-transfer")


def show_funding_choice(context: Context, call: Call) -> Answer:
    """Return the funding sources that the player may choose, and the chosen ones."""
    call.brand()
    return ServiceClient(context).forward(
        call, PLAYER_SERVICE, "GET", f"/internal/players/{call.player()}/funding-choice"
    )


def choose_funding(context: Context, call: Call) -> Answer:
    """Forward the player's choice of a funding source, also during an ingress freeze."""
    return _player_command(context, call, "funding-choice", method="PUT", starts_new=False)


def show_topology(context: Context, call: Call) -> Answer:
    """Return the code and version of the active topology, from wallet_service."""
    return ServiceClient(context).forward(
        call, WALLET_SERVICE, "GET", "/internal/wallet/topology/active"
    )


def show_policy(context: Context, call: Call) -> Answer:
    """Return the keys and versions of the active policies, from wallet_service."""
    return ServiceClient(context).forward(
        call, WALLET_SERVICE, "GET", "/internal/wallet/policy/active"
    )


def show_maintenance(context: Context, call: Call) -> Answer:
    """Return the maintenance switch: {is_active, message, changed_at}."""
    return Answer(200, store.read_maintenance(context.database))


def set_maintenance(context: Context, call: Call) -> Answer:
    """Set the maintenance switch, which stops new bets, deposits and withdrawals.

    A repeat under the same idempotency key changes nothing and gets the first answer.
    """
    wanted: MaintenanceSwitch = call.body
    switch = store.Switch(call.caller, call.idempotency_key(), wanted.is_active, wanted.message)
    return Answer(200, store.write_maintenance(context.database, switch))


def _provider_command(context: Context, call: Call, command: str, *, starts_new: bool) -> Answer:
    call.brand()
    call.command_id()
    _confirm_allowed(context, call, starts_new=starts_new)
    body = {"provider_id": call.caller, **msgspec.to_builtins(call.body)}
    return ServiceClient(context).forward(
        call, GAME_SERVICE, "POST", f"/internal/game/{command}", body
    )


def _player_command(
    context: Context,
    call: Call,
    command: str,
    *,
    method: str = "POST",
    body: object = None,
    starts_new: bool = True,
) -> Answer:
    call.brand()
    player_id = call.player()
    request_id = scoped_id(player_id, call.idempotency_key(), IDEMPOTENCY_KEY_HEADER)
    _confirm_allowed(context, call, starts_new=starts_new)
    path = f"/internal/players/{player_id}/{command}"
    return ServiceClient(context).forward(
        call, PLAYER_SERVICE, method, path, body or call.body, request_id=request_id
    )


def _confirm_allowed(context: Context, call: Call, *, starts_new: bool) -> None:
    """Raise `Maintenance` (503) if the freeze level or the maintenance switch stops a command.

    A request with a canary token passes unchecked, because the wallet verifies the token before it
    moves money. So only routes whose command ends at the wallet may use this function.
    """
    is_canary = call.canary_token is not None
    confirm_open(context.control.freeze.level, starts_new=starts_new, is_canary=is_canary)
    if starts_new and not is_canary:
        switch = store.read_maintenance(context.database)
        confirm_no_maintenance(switch["is_active"], switch["message"])


SERVICE = Service(
    GATEWAY,
    routes=(
        Route("POST", "/v2/bets/authorize", authorize, Authorize, auth.provider),
        Route("POST", "/v2/bets/settle", settle, Settle, auth.provider),
        Route("POST", "/v2/bets/rollback", rollback, Rollback, auth.provider),
        Route("POST", "/v2/wins", win, Win, auth.provider),
        Route("POST", "/v2/wins/reverse", reverse_win, WinReversal, auth.provider),
        Route("GET", "/api/v1/player/wallet", show_wallet, access=auth.player),
        Route(
            "GET", "/api/v1/player/wallet/funding-choice", show_funding_choice, access=auth.player
        ),
        Route(
            "PUT",
            "/api/v1/player/wallet/funding-choice",
            choose_funding,
            FundingChoice,
            auth.player,
        ),
        Route("POST", "/api/v1/player/wallet/deposit", deposit, Deposit, auth.player),
        Route(
            "POST", "/api/v1/player/wallet/wallet-deposit", deposit_cash, WalletDeposit, auth.player
        ),
        Route("POST", "/api/v1/player/wallet/withdraw", withdraw, Withdrawal, auth.player),
        Route(
            "POST",
            "/api/v1/player/wallet/wallet-withdrawal",
            withdraw_from_wallet,
            Withdrawal,
            auth.player,
        ),
        Route(
            "POST",
            "/api/v1/player/wallet/withdrawals/{transaction_id}/cancel",
            cancel_withdrawal,
            Empty,
            auth.player,
        ),
        Route("POST", "/api/v1/player/wallet/transfer", transfer, Transfer, auth.player),
        Route(
            "POST",
            "/api/v1/player/wallet/sports-to-casino",
            partial(legacy_transfer, "sports"),
            Withdrawal,
            auth.player,
        ),
        Route(
            "POST",
            "/api/v1/player/wallet/casino-to-sports",
            partial(legacy_transfer, "casino"),
            Withdrawal,
            auth.player,
        ),
        Route(
            "POST",
            "/api/v1/player/wallet/points/transfer",
            transfer_points,
            PointsTransfer,
            auth.player,
        ),
        Route("GET", "/api/v1/wallet/topology", show_topology, access=auth.public),
        Route("GET", "/api/v1/wallet/policy", show_policy, access=auth.public),
        Route("GET", "/api/v1/maintenance", show_maintenance, access=auth.public),
        Route("PUT", "/api/v1/maintenance", set_maintenance, MaintenanceSwitch, auth.admin),
    ),
)
