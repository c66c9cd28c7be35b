"""rolling_service: what a player has to turn over, and its cancellation by the back office (RS-1, RS-2)."""

from typing import Any
from uuid import UUID

from wallet_runtime import contract
from wallet_runtime.plumbing.app import Answer, Call, Route, Service
from wallet_runtime.plumbing.context import Context
from wallet_runtime.plumbing.database import Row, Session
from wallet_runtime.plumbing.errors import Conflict, NotFound
from wallet_runtime.plumbing.health import OK
from wallet_runtime.plumbing.money import format_amount
from wallet_runtime.plumbing.streams import Streams, StreamsError, open_streams
from wallet_runtime.rolling import dead_letters, domain, store

ID_DIGITS = 19  # any number of so many digits fits a bigint
AMOUNTS = ("amount", "required_turnover", "target_turnover", "turnover")


class RollingNotActive(Conflict):
    """Only an ACTIVE rolling can be canceled."""

    code = "ROLLING_NOT_ACTIVE"


class CancellationNotAllowed(Conflict):
    """This brand does not let its rollings be canceled (RS-10); they end by being turned over, or lapse."""

    code = "ROLLING_CANCELLATION_NOT_ALLOWED"


class DeadLetterHeldUp(Conflict):
    """This event did not fail, it waits behind one of its player that did; replay that one."""

    code = "DEAD_LETTER_HELD_UP"


def list_rollings(context: Context, call: Call) -> Answer:
    """Answer a player's rollings, newest first, at most 200; 404 for a player of another brand."""
    brand_id, player_id = call.brand(), call.path_uuid("player_id")
    with context.database.session() as session:
        rows = store.of_player(session, brand_id, player_id)
        if not rows and store.is_of_another_brand(session, brand_id, player_id):
            raise NotFound(f"player {player_id} is not of this brand")
    return Answer(200, {"player_id": str(player_id), "rollings": [_shown(row) for row in rows]})


def cancel_rolling(context: Context, call: Call) -> Answer:
    """Cancel an ACTIVE rolling; the same again answers the same. 404 for another brand's, 409 for any other state.

    409 for a brand whose `rolling.brand_config` does not say `cancel_allowed`, which is the default (RS-10). The wallet is told by
    rolling_worker, and locks what the rolling stood for.
    """
    brand_id, rolling_id = call.brand(), call.path_uuid("rolling_id")
    with context.database.transaction() as session:
        _find(session, brand_id, rolling_id)
        if not store.brand_rules(session, brand_id).cancel_allowed:
            raise CancellationNotAllowed
        store.cancel(session, brand_id, rolling_id, closed_by=call.caller)
        row = _find(session, brand_id, rolling_id)
        if row["state"] != domain.CANCELED:
            message = f"rolling {rolling_id} is {row['state']}; only an ACTIVE one can be canceled"
            raise RollingNotActive(message, details={"state": row["state"]})
    return Answer(200, {"rolling": _shown(row)})


def replay_dead_letter(context: Context, call: Call) -> Answer:
    """Have an event that was set aside tried again, and then what waits behind it; the same again answers the same.

    404 when there is none by that number, 409 for one that only waits behind another.
    """
    number = call.path["dead_letter_id"]
    if not (number.isascii() and number.isdigit() and len(number) < ID_DIGITS):
        raise NotFound(f"no event that was set aside has the number {number[:40]!r}")
    with context.database.transaction() as session:
        asked = dead_letters.request_replay(session, int(number), call.caller, call.fence_token)
        letter = dead_letters.find(session, int(number))
    if letter is None:
        raise NotFound(f"no event that was set aside has the number {number}")
    if not asked and letter["resolved_at"] is None:
        raise DeadLetterHeldUp
    return Answer(200, {"dead_letter_id": int(number), "resolved": letter["resolved_at"] is not None})


def _find(session: Session, brand_id: UUID, rolling_id: UUID) -> Row:
    row = store.find(session, brand_id, rolling_id)
    if row is None:
        raise NotFound(f"this brand has no rolling {rolling_id}")
    return row


def _shown(row: Row) -> dict[str, Any]:
    """Show a row: amounts as strings in major units, times and ids as msgspec writes them."""
    return {**row, **{name: format_amount(row[name], row["currency"]) for name in AMOUNTS}}


class RedisCheck:
    """The check that Redis answers (RS-7); connects at the first look."""

    def __init__(self) -> None:
        """Connect to nothing yet."""
        self._streams: Streams | None = None

    def look(self, context: Context) -> str:
        """Say "ok" when Redis answers, else why not."""
        self._streams = self._streams or open_streams(context.settings)
        try:
            self._streams.ping()
        except StreamsError as error:
            return str(error)
        return OK


SERVICE = Service(
    contract.ROLLING_SERVICE,
    routes=(
        Route("GET", "/internal/rolling/players/{player_id}", list_rollings),
        Route("POST", "/internal/rolling/{rolling_id}/cancel", cancel_rolling),
        Route("POST", "/internal/rolling/dead-letters/{dead_letter_id}/replay", replay_dead_letter),
    ),
    checks={"redis": RedisCheck().look},
)
