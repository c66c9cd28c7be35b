"""Campaigns of the back office: each is made once, and only wins change what is left of it."""

import msgspec

from sql import query
from wallet_runtime.plumbing.errors import Conflict, Maintenance, PayloadMismatch
from wallet_runtime.plumbing.runtime.database import Database, DatabaseError
from wallet_runtime.wallet.domain.state import Request
from wallet_runtime.wallet.domain.wins import NewCampaign
from wallet_runtime.wallet.store.money import refusal

_CREATE = "wallet_create_campaign"
query(_CREATE)


class CampaignExists(Conflict):
    """This brand has a campaign by this code; a code is used once, nothing was changed."""

    code = "CAMPAIGN_EXISTS"


def create(database: Database, request: Request, campaign: NewCampaign) -> None:
    """Make a campaign, once per request id; a repeat changes nothing.

    Raises `CampaignExists` (409), `PayloadMismatch` and `AnswerPruned` (409), `Maintenance` (503) while money is sealed.
    """
    wanted = {
        "brand_id": request.brand_id,
        "caller": request.caller,
        "route": request.route,
        "request_id": request.request_id,
        "fingerprint": f"\\x{request.fingerprint}",
        "transaction_id": request.transaction_id,
        **msgspec.structs.asdict(campaign),
    }
    try:
        with database.session() as session:
            outcome = session.one(_CREATE, campaign=msgspec.json.encode(wanted).decode())["outcome"]
    except DatabaseError as error:
        raise refusal(error.sqlstate, error.message) from error
    if outcome["outcome"] == "frozen":
        raise Maintenance(details={"freeze_level": outcome["level"]}, retry_after=5)
    if outcome["outcome"] == "mismatch":
        raise PayloadMismatch
    if outcome["outcome"] == "taken":
        raise CampaignExists(
            f"this brand has a campaign {campaign.campaign_code}; a code is used once, nothing was changed"
        )
