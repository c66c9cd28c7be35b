"""rolling_service: shows a player's rollings, and cancels a rolling for the back office.

It implements RS-1 and RS-2, and has the routes for the dead letters of rolling.
"""

from typing import Any
from uuid import UUID

from wallet_runtime.contract.processes import ROLLING_SERVICE
from wallet_runtime.plumbing.errors import Conflict, NotFound
from wallet_runtime.plumbing.events.streams import RedisCheck
from wallet_runtime.plumbing.http.app import Answer, Call, Route, Service
from wallet_runtime.plumbing.http.dead_letters import dead_letter_routes
from wallet_runtime.plumbing.money import format_amount
from wallet_runtime.plumbing.runtime import seal
from wallet_runtime.plumbing.runtime.context import Context
from wallet_runtime.plumbing.runtime.database import DatabaseSession, Row
from wallet_runtime.rolling import domain, store

AMOUNTS = ("amount", "required_turnover", "target_turnover", "turnover")


class RollingNotActive(Conflict):
    """Only an ACTIVE rolling can be canceled."""

    code = "ROLLING_NOT_ACTIVE"


class CancellationNotAllowed(Conflict):
    """This brand does not let its rollings be canceled (RS-10); they end by turnover, or lapse."""

    code = "ROLLING_CANCELLATION_NOT_ALLOWED"


def list_rollings(context: Context, call: Call) -> Answer:
    """Return a player's rollings, newest first, at most 200; 404 for a player of another brand."""
    brand_id, player_id = call.brand(), call.path_uuid("player_id")
    with context.database.session() as session:
        rows = store.of_player(session, brand_id, player_id)
        if not rows and store.is_of_another_brand(session, brand_id, player_id):
            raise NotFound(f"player {player_id} is not of this brand")
    return Answer(200, {"player_id": str(player_id), "rollings": [_shown(row) for row in rows]})


def cancel_rolling(context: Context, call: Call) -> Answer:
    """Cancel an ACTIVE rolling; a repeat returns the same answer.

    404 if the brand has no such rolling. 409 for any other state, and for a brand whose
    `rolling.brand_config` does not set `cancel_allowed` (RS-10; off by default). rolling_worker
    then reports the cancellation to the wallet, which locks the money under the rolling.
    """
    brand_id, rolling_id = call.brand(), call.path_uuid("rolling_id")
    with context.database.transaction() as session:
        seal.hold(session)
        _find(session, brand_id, rolling_id)
        if not store.brand_rules(session, brand_id).cancel_allowed:
            raise CancellationNotAllowed
        store.cancel(session, brand_id, rolling_id, closed_by=call.caller)
        row = _find(session, brand_id, rolling_id)
        if row["state"] != domain.CANCELED:
            message = f"rolling {rolling_id} is {row['state']}; only an ACTIVE one can be canceled"
            raise RollingNotActive(message, details={"state": row["state"]})
    return Answer(200, {"rolling": _shown(row)})


def _find(session: DatabaseSession, brand_id: UUID, rolling_id: UUID) -> Row:
    row = store.find(session, brand_id, rolling_id)
    if row is None:
        raise NotFound(f"this brand has no rolling {rolling_id}")
    return row


def _shown(row: Row) -> dict[str, Any]:
    """Return a row for an answer, with amounts as strings in major units."""
    return {**row, **{name: format_amount(row[name], row["currency"]) for name in AMOUNTS}}


SERVICE = Service(
    ROLLING_SERVICE,
    routes=(
        Route("GET", "/internal/rolling/players/{player_id}", list_rollings),
        Route("POST", "/internal/rolling/{rolling_id}/cancel", cancel_rolling),
        *dead_letter_routes("rolling"),
    ),
    checks={"redis": RedisCheck().poll},
)
