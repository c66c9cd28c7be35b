"""Public routes: signed providers, players with a session, the back office's maintenance switch."""

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
    """A provider's stake.

    There is no field for sources, buckets or policy: a callback cannot name them (STG-7).
    """

    player_id: UUID
    bet_id: ForeignId
    round_id: ForeignId
    amount: str
    currency: str
    game_id: ForeignId | None = None
    price: str | None = None


class Settle(Body):
    """A provider's payout for a bet."""

    player_id: UUID
    bet_id: ForeignId
    round_id: ForeignId
    payout: str


class Rollback(Body, omit_defaults=True):
    """A provider takes a bet back."""

    player_id: UUID
    bet_id: ForeignId
    round_id: ForeignId
    reason: Reason | None = None


class Win(Body, omit_defaults=True):
    """A provider's win beside a bet's payout: of a campaign, or on a bet of a round."""

    player_id: UUID
    transaction_id: ForeignId
    amount: str
    currency: str
    campaign: ForeignId | None = None
    bet_id: ForeignId | None = None
    round_id: ForeignId | None = None


class WinReversal(Body):
    """A provider takes a win back."""

    player_id: UUID
    transaction_id: ForeignId


class Deposit(Body, omit_defaults=True):
    """A player's deposit, to cash or on into a bucket."""

    amount: str
    currency: str
    bucket: ForeignId | None = None


class WalletDeposit(Body):
    """Cash of a player that goes into a bucket."""

    amount: str
    currency: str
    bucket: ForeignId


class Withdrawal(Body):
    """An amount that a player withdraws, or moves by a legacy alias."""

    amount: str
    currency: str


class Transfer(Body):
    """A player's transfer between two buckets."""

    from_bucket: ForeignId
    to_bucket: ForeignId
    amount: str
    currency: str


class PointsTransfer(Body):
    """A player's points to turn into money."""

    points: str
    target: ForeignId


class FundingChoice(Body):
    """The player's choice of a source for bets of one provider type."""

    provider_type: Literal["SPORTS", "LIVE", "SLOTS"]
    source: ForeignId


class Empty(Body):
    """Nothing to say beside the path."""


class MaintenanceSwitch(Body):
    """The back office's switch."""

    is_active: bool
    message: Reason = ""


def authorize(context: Context, call: Call) -> Answer:
    """Pass a new bet on, unless new business is stopped."""
    return _provider_command(context, call, "bets/authorize", starts_new=True)


def settle(context: Context, call: Call) -> Answer:
    """Pass a settlement on; ingress freeze does not stop it."""
    return _provider_command(context, call, "bets/settle", starts_new=False)


def rollback(context: Context, call: Call) -> Answer:
    """Pass a rollback on; ingress freeze does not stop it."""
    return _provider_command(context, call, "bets/rollback", starts_new=False)


def win(context: Context, call: Call) -> Answer:
    """Pass a win on. One of a campaign starts something new.

    One on a settled bet ends what was begun.
    """
    wanted: Win = call.body
    return _provider_command(context, call, "wins", starts_new=wanted.campaign is not None)


def reverse_win(context: Context, call: Call) -> Answer:
    """Pass the reversal of a win on; ingress freeze does not stop it."""
    return _provider_command(context, call, "wins/reverse", starts_new=False)


def show_wallet(context: Context, call: Call) -> Answer:
    """Answer the player's own snapshot; reads work at every freeze level."""
    call.brand()
    return ServiceClient(context).forward(
        call, PLAYER_SERVICE, "GET", f"/internal/players/{call.player()}/wallet"
    )


def deposit(context: Context, call: Call) -> Answer:
    """Take a player's deposit."""
    return _player_command(context, call, "deposit")


def deposit_cash(context: Context, call: Call) -> Answer:
    """Move a player's cash into a bucket."""
    return _player_command(context, call, "wallet-deposit")


def withdraw(context: Context, call: Call) -> Answer:
    """Take a player's request for a withdrawal."""
    return _player_command(context, call, "withdraw")


def withdraw_from_wallet(context: Context, call: Call) -> Answer:
    """Move a player's withdrawable money to cash."""
    return _player_command(context, call, "wallet-withdrawal")


def cancel_withdrawal(context: Context, call: Call) -> Answer:
    """Take a player's own withdrawal back; it starts nothing new, so only a seal stops it."""
    return _player_command(
        context, call, f"withdrawals/{call.path_uuid('transaction_id')}/cancel", starts_new=False
    )


def transfer(context: Context, call: Call) -> Answer:
    """Move a player's money between two buckets."""
    return _player_command(context, call, "transfer")


def legacy_transfer(from_side: str, context: Context, call: Call) -> Answer:
    """Move a player's money between sports and casino by the old names (FLOW-11).

    It moves money in split, and is a no-op in unified.
    """
    wanted: Withdrawal = call.body
    body = {"from_side": from_side, "amount": wanted.amount, "currency": wanted.currency}
    return _player_command(context, call, "legacy-transfer", body=body)


def transfer_points(context: Context, call: Call) -> Answer:
    """Turn a player's points into money."""
    return _player_command(context, call, "points-transfer")


def show_funding_choice(context: Context, call: Call) -> Answer:
    """Answer what the player may pick as the source of his bets, and what he has picked."""
    call.brand()
    return ServiceClient(context).forward(
        call, PLAYER_SERVICE, "GET", f"/internal/players/{call.player()}/funding-choice"
    )


def choose_funding(context: Context, call: Call) -> Answer:
    """Take the player's choice of a source; providers' callbacks have no way to say it.

    It starts nothing, so only a seal stops it.
    """
    return _player_command(context, call, "funding-choice", method="PUT", starts_new=False)


def show_topology(context: Context, call: Call) -> Answer:
    """Answer the active topology's code and version, as the wallet says them."""
    return ServiceClient(context).forward(
        call, WALLET_SERVICE, "GET", "/internal/wallet/topology/active"
    )


def show_policy(context: Context, call: Call) -> Answer:
    """Answer the active policies' keys and versions, as the wallet says them."""
    return ServiceClient(context).forward(
        call, WALLET_SERVICE, "GET", "/internal/wallet/policy/active"
    )


def show_maintenance(context: Context, call: Call) -> Answer:
    """Answer {is_active, message, changed_at}."""
    return Answer(200, store.read_maintenance(context.database))


def set_maintenance(context: Context, call: Call) -> Answer:
    """Close or open the door for new business: bets, deposits and withdrawals.

    A repeat under the person's key gets the first answer and leaves the door as it is now.
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
    """Let the request on to the wallet, or refuse it (503 MAINTENANCE).

    A canary token opens this door and no other: only commands that end at the wallet come by here,
    the token goes on with them, and the wallet moves nothing for one that is no valid pass. A route
    that the wallet does not judge must not ask here.
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
