"""Routes for a consumer's dead letters: one person may replay, two persons may discard."""

from typing import Any

from wallet_runtime.contract.persons import Person, key_id_of
from wallet_runtime.contract.processes import OPERATOR
from wallet_runtime.contract.routes import dead_letter_path
from wallet_runtime.plumbing.errors import Conflict, Forbidden, NotFound
from wallet_runtime.plumbing.events.dead_letters import BLOCKED, DeadLetters
from wallet_runtime.plumbing.http.app import Answer, Call, Route
from wallet_runtime.plumbing.http.body import Body
from wallet_runtime.plumbing.http.fields import Said
from wallet_runtime.plumbing.runtime import seal
from wallet_runtime.plumbing.runtime.context import Context
from wallet_runtime.plumbing.runtime.database import DatabaseSession, Row

ID_DIGITS = 19  # a number with fewer digits fits into a bigint
# The person of a discard that rubyops requests. No back-office token has this empty key, so every
# person of the back office differs from `TOOLKIT` and may confirm.
TOOLKIT = Person(OPERATOR, key_id_of(b""))


class DeadLetterBlocked(Conflict):
    """This event did not fail, it waits behind one of its player; deal with that one."""

    code = "DEAD_LETTER_HELD_UP"


class DeadLetterResolved(Conflict):
    """This event is no dead letter any longer: it was applied or discarded."""

    code = "DEAD_LETTER_RESOLVED"


class DiscardNotRequested(Conflict):
    """Nobody has asked for this event to be discarded; a first person asks, a second confirms."""

    code = "DISCARD_NOT_REQUESTED"


class DiscardRequested(Conflict):
    """Somebody has asked already, in other words; confirm that, or replay the event."""

    code = "DISCARD_REQUESTED"


class SamePerson(Forbidden):
    """A discard is confirmed by another person than the one who asked for it."""

    code = "SAME_PERSON"


class DiscardBody(Body):
    """The reason for discarding an event."""

    reason: Said


def dead_letter_routes(consumer: str) -> tuple[Route, ...]:
    """Build the routes of a consumer; `consumer` is the name of its schema."""
    desk = DeadLetterDesk(DeadLetters(consumer))
    one = dead_letter_path(consumer)
    return (
        Route("POST", f"{one}/replay", desk.replay),
        Route("POST", f"{one}/discard", desk.request_discard, DiscardBody),
        Route("POST", f"{one}/discard/confirm", desk.confirm_discard),
    )


class DeadLetterDesk:
    """The handlers of a consumer's routes."""

    def __init__(self, dead_letters: DeadLetters) -> None:
        """Take the dead letters of the consumer."""
        self._dead_letters = dead_letters

    def replay(self, context: Context, call: Call) -> Answer:
        """Request a replay of a dead letter and of the events blocked behind it.

        A repeat gets the same answer. 404 for an unknown number. 409 for a blocked event, with the
        number of the dead letter that blocks it.
        """
        number = _number(call)
        with context.database.transaction() as session:
            letter = self._find(session, number)
            if letter["resolved_at"] is None:
                _refuse_blocked(letter)
            self._dead_letters.request_replay(session, number, call.caller, call.fence_token)
            letter = self._find(session, number)
        resolved = letter["resolved_at"] is not None
        return Answer(200, {"dead_letter_id": number, "resolved": resolved})

    def request_discard(self, context: Context, call: Call) -> Answer:
        """Request, as the first person, that an event is discarded.

        A repeat gets the same answer. 404 for an unknown number. 409 for an event that is blocked
        or resolved, or if another request gives another reason.
        """
        number, asker, reason = _number(call), _asker(call), call.body.reason.strip()
        with context.database.transaction() as session:
            _refuse_undiscardable(self._find(session, number))
            self._dead_letters.request_discard(session, number, asker, reason, call.fence_token)
            # All transactions lock the fence before the seal, so that they cannot deadlock.
            seal.hold(session)
            letter = self._find(session, number)
        _refuse_other_request(letter, asker, reason)
        return Answer(200, _discard(letter))

    def confirm_discard(self, context: Context, call: Call) -> Answer:
        """Confirm a discard as the second person; the consumer then skips the event.

        A repeat gets the same answer. 403 for the person who requested the discard, 404 for an
        unknown number, 409 without a request or for an event that was replayed.
        """
        number, person = _number(call), call.signed_person()
        with context.database.transaction() as session:
            seal.hold(session)
            self._dead_letters.confirm_discard(session, number, person)
            letter = self._find(session, number)
        _refuse_unconfirmable(letter)
        return Answer(200, _discard(letter))

    def _find(self, session: DatabaseSession, number: int) -> Row:
        letter = self._dead_letters.find(session, number)
        if letter is None:
            raise NotFound(f"no dead letter has the number {number}")
        return letter


def _number(call: Call) -> int:
    number = call.path["dead_letter_id"]
    if _is_id(number):
        return int(number)
    raise NotFound(f"no dead letter has the number {number[:40]!r}")


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < ID_DIGITS


def _asker(call: Call) -> Person:
    """Return the requesting person: `TOOLKIT` for rubyops, otherwise the signed person."""
    return TOOLKIT if call.caller == OPERATOR else call.signed_person()


def _refuse_blocked(letter: Row) -> None:
    number, behind = letter["dead_letter_id"], letter["behind"]
    if behind is not None:
        raise DeadLetterBlocked(
            f"event {number} waits behind {behind} of the same player; replay or discard {behind}",
            details={"behind": behind},
        )
    if letter["reason"] == BLOCKED:
        raise DeadLetterBlocked(
            f"event {number} did not fail: it is applied when the player's event before it has come"
        )


def _refuse_undiscardable(letter: Row) -> None:
    if letter["resolved_at"] is not None and letter["discard_confirmed_by"] is None:
        raise DeadLetterResolved(
            f"event {letter['dead_letter_id']} was replayed; there is nothing to discard"
        )
    if letter["resolved_at"] is None:
        _refuse_blocked(letter)


def _refuse_other_request(letter: Row, asker: Person, reason: str) -> None:
    if (letter["discard_requested_by"], letter["discard_reason"]) != (asker.name, reason):
        found = f"{letter['discard_requested_by']} asked, because {letter['discard_reason']!r}"
        raise DiscardRequested(
            f"{found}; another person may confirm that, or the event is replayed"
        )


def _refuse_unconfirmable(letter: Row) -> None:
    if letter["discard_confirmed_by"] is not None:
        return
    _refuse_undiscardable(letter)
    if letter["discard_requested_by"] is None:
        raise DiscardNotRequested
    raise SamePerson(
        f"{letter['discard_requested_by']} asked for it; "
        "another person, with a key of their own, has to confirm"
    )


def _discard(letter: Row) -> dict[str, Any]:
    return {
        "dead_letter_id": letter["dead_letter_id"],
        "reason": letter["discard_reason"],
        "requested_by": letter["discard_requested_by"],
        "confirmed_by": letter["discard_confirmed_by"],
        "resolved": letter["resolved_at"] is not None,
    }
