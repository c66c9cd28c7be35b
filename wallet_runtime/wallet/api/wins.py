"""Routes of wins in addition to a bet's payout, and of campaigns."""

from datetime import datetime
from uuid import UUID

from wallet_runtime.contract.providers import PROVIDERS
from wallet_runtime.plumbing.errors import Invalid
from wallet_runtime.plumbing.http.app import Answer, Call, Route
from wallet_runtime.plumbing.http.body import Body
from wallet_runtime.plumbing.http.fields import ForeignId, in_utc
from wallet_runtime.plumbing.money import format_amount, parse_amount
from wallet_runtime.plumbing.runtime.context import Context
from wallet_runtime.wallet.api.command import (
    PREFIX,
    amount_of,
    confirm_provider_type,
    name_request,
    perform,
)
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
    confirm_provider_type(body.provider_type)
    _confirm_tie(body)
    command = _win(body)
    return perform(context, call, command, wins.pay, wins.pay_reads(command))


def _confirm_tie(body: WinBody) -> None:
    """Raise `TieInvalid` unless the win names a campaign, or both a bet and its round."""
    given = (body.campaign is not None, body.bet_id is not None, body.round_id is not None)
    if given not in ((True, False, False), (False, True, True)):
        raise wins.TieInvalid


def _win(body: WinBody) -> wins.Pay:
    return wins.Pay(
        provider_id=body.provider_id,
        provider_type=body.provider_type,
        transaction_id=body.transaction_id,
        amount=amount_of(body),
        currency=body.currency,
        campaign=body.campaign,
        bet_id=body.bet_id,
        round_id=body.round_id,
    )


def reverse(context: Context, call: Call) -> Answer:
    """Reverse a win (POST /internal/wallet/v2/wins/reverse)."""
    body: WinReversalBody = call.body
    command = wins.Reverse(body.provider_id, body.transaction_id)
    reads = wins.reverse_reads(command)
    return perform(context, call, command, wins.reverse, reads)


def create_campaign(context: Context, call: Call) -> Answer:
    """Create a campaign (POST /internal/wallet/v2/campaigns). A code can be used only once."""
    body: CampaignBody = call.body
    call.command_id()
    _confirm_provider(body.provider_id)
    cap, per_win = _caps(body)
    ends = _end(body, context.clock())
    campaign = wins.NewCampaign(
        body.code, body.provider_id, body.currency, cap, per_win, ends, call.signed_person().name
    )
    campaigns.create(context.database, name_request(call, NOBODY, campaign), campaign)
    return Answer(200, _shown(campaign))


def _confirm_provider(provider_id: str) -> None:
    if provider_id not in PROVIDERS:
        known = ", ".join(PROVIDERS)
        raise Invalid(f"provider_id must be one of {known}, found {provider_id[:40]!r}")


def _caps(body: CampaignBody) -> tuple[int, int]:
    """Return the cap and the cap per win in minor units."""
    cap = parse_amount(body.cap, body.currency)
    per_win = parse_amount(body.cap_per_win, body.currency)
    if per_win > cap:
        raise Invalid(
            f"cap_per_win is at most the cap of {body.cap} {body.currency},"
            f" found {body.cap_per_win}"
        )
    return cap, per_win


def _end(body: CampaignBody, now: float) -> datetime:
    """Return the end of a campaign in UTC, which has to be in the future."""
    ends = in_utc(body.expires_at, "expires_at")
    if ends.timestamp() <= now:
        raise Invalid(f"expires_at has passed: {ends.isoformat()}")
    return ends


def _shown(campaign: wins.NewCampaign) -> dict[str, object]:
    return {
        "code": campaign.campaign_code,
        "provider_id": campaign.provider_id,
        "currency": campaign.currency,
        "expires_at": campaign.expires_at,
        "created_by": campaign.created_by,
        "cap": format_amount(campaign.cap, campaign.currency),
        "cap_per_win": format_amount(campaign.cap_per_win, campaign.currency),
    }


ROUTES = (
    Route("POST", f"{PREFIX}/wins", pay, WinBody),
    Route("POST", f"{PREFIX}/wins/reverse", reverse, WinReversalBody),
    Route("POST", f"{PREFIX}/campaigns", create_campaign, CampaignBody),
)
