"""Campaigns of the back office: each is created once; afterwards only wins use up its cap."""

from datetime import datetime
from uuid import UUID

from msgspec import Struct

from sql import query
from wallet_runtime.plumbing.errors import Conflict
from wallet_runtime.plumbing.runtime.database import Database
from wallet_runtime.wallet.domain.state import Request
from wallet_runtime.wallet.domain.wins import NewCampaign
from wallet_runtime.wallet.store.command import encoded
from wallet_runtime.wallet.store.outcomes import TAKEN, write

_CREATE = "wallet_create_campaign"
query(_CREATE)


class CampaignExists(Conflict):
    """This brand has a campaign by this code; a code is used once, nothing was changed."""

    code = "CAMPAIGN_EXISTS"


class CampaignRecord(Struct, frozen=True):
    """A campaign and its request. SQL function `wallet.create_campaign` reads fields by name."""

    brand_id: UUID
    caller: str
    route: str
    request_id: str
    fingerprint: str
    transaction_id: UUID
    campaign_code: str
    provider_id: str
    currency: str
    cap: int
    cap_per_win: int
    expires_at: datetime
    created_by: str


def create(database: Database, request: Request, campaign: NewCampaign) -> None:
    """Create a campaign, once per request id; a repeated request changes nothing.

    Raises `CampaignExists` (409) for a code that is in use, `Maintenance` (503) while money is
    sealed, `PayloadMismatch` (409) if the request id was used with another payload, and
    `AnswerPruned` (409) if its answer is no longer stored.
    """
    outcome = write(database, _CREATE, campaign=encoded(_record(request, campaign)))
    if outcome.outcome == TAKEN:
        raise _exists(campaign.campaign_code)


def _exists(code: str) -> CampaignExists:
    return CampaignExists(
        f"this brand has a campaign {code}; a code is used once, nothing was changed"
    )


def _record(request: Request, campaign: NewCampaign) -> CampaignRecord:
    return CampaignRecord(
        brand_id=request.brand_id,
        caller=request.caller,
        route=request.route,
        request_id=request.request_id,
        fingerprint=f"\\x{request.fingerprint}",
        transaction_id=request.transaction_id,
        campaign_code=campaign.campaign_code,
        provider_id=campaign.provider_id,
        currency=campaign.currency,
        cap=campaign.cap,
        cap_per_win=campaign.cap_per_win,
        expires_at=campaign.expires_at,
        created_by=campaign.created_by,
    )
