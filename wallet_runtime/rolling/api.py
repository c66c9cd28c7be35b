"""rolling_service: what a player has to turn over, and its cancellation by the back office (RS-1, RS-2)."""

from typing import Any
from uuid import UUID

from wallet_runtime import contract
from wallet_runtime.contract.persons import Person, key_id_of
from wallet_runtime.plumbing.errors import Conflict, Forbidden, NotFound
from wallet_runtime.plumbing.events.streams import Streams, StreamsError, open_streams
from wallet_runtime.plumbing.http.app import Answer, Call, Route, Service
from wallet_runtime.plumbing.http.body import Body
from wallet_runtime.plumbing.http.fields import Said
from wallet_runtime.plumbing.money import format_amount
from wallet_runtime.plumbing.runtime import seal
from wallet_runtime.plumbing.runtime.context import Context
from wallet_runtime.plumbing.runtime.database import Row, Session
from wallet_runtime.plumbing.runtime.health import OK
from wallet_runtime.rolling import dead_letters, domain, store

ID_DIGITS = 19  # any number of so many digits fits a bigint
# The toolkit may ask for a discard, and only a person of the back office may confirm it. No token has this key.
TOOLKIT = Person(contract.OPERATOR, key_id_of(b""))
AMOUNTS = ("amount", "required_turnover", "target_turnover", "turnover")


class RollingNotActive(Conflict):
    """Only an ACTIVE rolling can be canceled."""

    code = "ROLLING_NOT_ACTIVE"


class CancellationNotAllowed(Conflict):
    """This brand does not let its rollings be canceled (RS-10); they end by being turned over, or lapse."""

    code = "ROLLING_CANCELLATION_NOT_ALLOWED"


class DeadLetterHeldUp(Conflict):
    """This event did not fail, it waits behind one of its player; deal with that one."""

    code = "DEAD_LETTER_HELD_UP"


class DeadLetterResolved(Conflict):
    """This event is not set aside any longer: it was applied or discarded."""

    code = "DEAD_LETTER_RESOLVED"


class DiscardNotRequested(Conflict):
    """Nobody has asked for this event to be discarded; a first person asks and says why, a second one confirms."""

    code = "DISCARD_NOT_REQUESTED"


class DiscardRequested(Conflict):
    """Somebody has asked already, in other words; confirm that, or replay the event."""

    code = "DISCARD_REQUESTED"


class SamePerson(Forbidden):
    """A discard is confirmed by another person than the one who asked for it."""

    code = "SAME_PERSON"


class DiscardBody(Body):
    """Why an event is never to be applied."""

    reason: Said


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


def replay_dead_letter(context: Context, call: Call) -> Answer:
    """Have an event that was set aside tried again, and then what waits behind it; the same again answers the same.

    404 when there is none by that number, 409 for one that waits behind another, which it names.
    """
    number = _number(call)
    with context.database.transaction() as session:
        letter = _letter(session, number)
        if letter["resolved_at"] is None:
            _refuse_held_up(letter)
        dead_letters.request_replay(session, number, call.caller, call.fence_token)
        letter = _letter(session, number)
    return Answer(200, {"dead_letter_id": number, "resolved": letter["resolved_at"] is not None})


def request_discard(context: Context, call: Call) -> Answer:
    """Ask, as a first person, for an event never to be applied; the same again answers the same.

    404 when there is none by that number, 409 for one that waits behind another, is resolved, or that somebody asked for in
    other words.
    """
    number, asker = _number(call), _asker(call)
    with context.database.transaction() as session:
        _refuse_undiscardable(_letter(session, number))
        dead_letters.request_discard(
            session, number, asker, call.body.reason.strip(), call.fence_token
        )
        # After the fence, as everywhere.
        seal.hold(session)
        letter = _letter(session, number)
    if (letter["discard_requested_by"], letter["discard_reason"]) != (
        asker.name,
        call.body.reason.strip(),
    ):
        found = f"{letter['discard_requested_by']} asked, because {letter['discard_reason']!r}"
        raise DiscardRequested(
            f"{found}; another person may confirm that, or the event is replayed"
        )
    return Answer(200, _discard(letter))


def confirm_discard(context: Context, call: Call) -> Answer:
    """Confirm a discard as a second person; rolling_worker then passes over the event. The same again answers the same.

    403 for the person who asked, 404 when there is none by that number, 409 when nobody asked or it is resolved otherwise.
    """
    number, person = _number(call), call.signed_person()
    with context.database.transaction() as session:
        seal.hold(session)
        dead_letters.confirm_discard(session, number, person)
        letter = _letter(session, number)
    if letter["discard_confirmed_by"] is None:
        _refuse_undiscardable(letter)
        if letter["discard_requested_by"] is None:
            raise DiscardNotRequested
        raise SamePerson(
            f"{letter['discard_requested_by']} asked for it; another person, with a key of their own, has to confirm"
        )
    return Answer(200, _discard(letter))


def _number(call: Call) -> int:
    number = call.path["dead_letter_id"]
    if not (number.isascii() and number.isdigit() and len(number) < ID_DIGITS):
        raise NotFound(f"no event that was set aside has the number {number[:40]!r}")
    return int(number)


def _letter(session: Session, number: int) -> Row:
    letter = dead_letters.find(session, number)
    if letter is None:
        raise NotFound(f"no event that was set aside has the number {number}")
    return letter


def _asker(call: Call) -> Person:
    """Return who asks: the operator by the toolkit's own identity, anybody else as admin_service has signed."""
    return TOOLKIT if call.caller == contract.OPERATOR else call.signed_person()


def _refuse_held_up(letter: Row) -> None:
    if letter["behind"] is not None:
        behind = letter["behind"]
        message = f"event {letter['dead_letter_id']} waits behind {behind} of the same player; replay or discard {behind}"
        raise DeadLetterHeldUp(message, details={"behind": behind})
    if letter["reason"] == dead_letters.HELD_UP:
        raise DeadLetterHeldUp(
            f"event {letter['dead_letter_id']} did not fail: it is applied when the player's event before it has come"
        )


def _refuse_undiscardable(letter: Row) -> None:
    if letter["resolved_at"] is not None and letter["discard_confirmed_by"] is None:
        raise DeadLetterResolved(
            f"event {letter['dead_letter_id']} was replayed; there is nothing to discard"
        )
    if letter["resolved_at"] is None:
        _refuse_held_up(letter)


def _discard(letter: Row) -> dict[str, Any]:
    return {
        "dead_letter_id": letter["dead_letter_id"],
        "reason": letter["discard_reason"],
        "requested_by": letter["discard_requested_by"],
        "confirmed_by": letter["discard_confirmed_by"],
        "resolved": letter["resolved_at"] is not None,
    }


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
        Route(
            "POST",
            "/internal/rolling/dead-letters/{dead_letter_id}/discard",
            request_discard,
            DiscardBody,
        ),
        Route(
            "POST",
            "/internal/rolling/dead-letters/{dead_letter_id}/discard/confirm",
            confirm_discard,
        ),
    ),
    checks={"redis": RedisCheck().look},
)
