"""Routes of wins in addition to a bet's payout, and of campaigns."""

from datetime import datetime
from uuid import UUID

from wallet_runtime.contract.providers import PROVIDER_TYPES, PROVIDERS
from wallet_runtime.plumbing.errors import Invalid
from wallet_runtime.plumbing.http.app import Answer, Call, Route
from wallet_runtime.plumbing.http.body import Body
from wallet_runtime.plumbing.http.fields import ForeignId, in_utc
from wallet_runtime.plumbing.money import format_amount, parse_amount
from wallet_runtime.plumbing.runtime.context import Context
from wallet_runtime.wallet.api.command import PREFIX, name_request, perform
from wallet_runtime.wallet.domain import wins
from wallet_runtime.wallet.store import campaigns

NOBODY = UUID(int=0)  # a campaign belongs to no player


class WinBody(Body):
    """A win that game_service reports: from a campaign, or on a bet of a round."""

    player_id: UUID
    provider_id: ForeignId
    provider_type: str
    transaction_id: ForeignId
    amount: str
    currency: str
    campaign: ForeignId | None = None
    bet_id: ForeignId | None = None
    round_id: ForeignId | None = None


class WinReversalBody(Body):
    """A win to reverse."""

    player_id: UUID
    provider_id: ForeignId
    transaction_id: ForeignId


class CampaignBody(Body):
    """A campaign to create. admin_service signs who creates it."""

    code: ForeignId
    provider_id: ForeignId
    currency: str
    cap: str
    cap_per_win: str
    expires_at: datetime


def pay(context: Context, call: Call) -> Answer:
    """Pay a win (POST /internal/wallet/v2/wins)."""
    body: WinBody = call.body
    if body.provider_type not in PROVIDER_TYPES:
        raise Invalid(
            f"provider_type must be one of {', '.join(PROVIDER_TYPES)},"
            f" found {body.provider_type[:40]!r}"
        )
    is_further = body.bet_id is not None and body.round_id is not None
    if is_further == (body.campaign is not None) or (body.bet_id is None) != (
        body.round_id is None
    ):
        raise wins.TieInvalid
    command = wins.Pay(
        provider_id=body.provider_id,
        provider_type=body.provider_type,
        transaction_id=body.transaction_id,
        amount=parse_amount(body.amount, body.currency),
        currency=body.currency,
        campaign=body.campaign,
        bet_id=body.bet_id,
        round_id=body.round_id,
    )
    return perform(
        context, call, body.player_id, command, wins.pay, wins.pay_reads(command), body.currency
    )


def reverse(context: Context, call: Call) -> Answer:
    """Reverse a win (POST /internal/wallet/v2/wins/reverse)."""
    body: WinReversalBody = call.body
    command = wins.Reverse(body.provider_id, body.transaction_id)
    return perform(
        context, call, body.player_id, command, wins.reverse, wins.reverse_reads(command)
    )


def create_campaign(context: Context, call: Call) -> Answer:
    """Create a campaign (POST /internal/wallet/v2/campaigns). A code can be used only once."""
    body: CampaignBody = call.body
    call.command_id()
    if body.provider_id not in PROVIDERS:
        raise Invalid(
            f"provider_id must be one of {', '.join(PROVIDERS)}, found {body.provider_id[:40]!r}"
        )
    cap, per_win = (
        parse_amount(body.cap, body.currency),
        parse_amount(body.cap_per_win, body.currency),
    )
    if per_win > cap:
        raise Invalid(
            f"cap_per_win is at most the cap of {body.cap} {body.currency},"
            f" found {body.cap_per_win}"
        )
    ends = in_utc(body.expires_at, "expires_at")
    if ends.timestamp() <= context.clock():
        raise Invalid(f"expires_at has passed: {ends.isoformat()}")
    person = call.signed_person()
    campaign = wins.NewCampaign(
        body.code, body.provider_id, body.currency, cap, per_win, ends, person.name
    )
    campaigns.create(context.database, name_request(call, NOBODY, campaign), campaign)
    shown = {
        name: format_amount(amount, body.currency)
        for name, amount in (("cap", cap), ("cap_per_win", per_win))
    }
    said = {
        "code": body.code,
        "provider_id": body.provider_id,
        "currency": body.currency,
        "expires_at": ends,
        "created_by": person.name,
    }
    return Answer(200, said | shown)


ROUTES = (
    Route("POST", f"{PREFIX}/wins", pay, WinBody),
    Route("POST", f"{PREFIX}/wins/reverse", reverse, WinReversalBody),
    Route("POST", f"{PREFIX}/campaigns", create_campaign, CampaignBody),
)
