"""Dead letters: events that cannot be applied, and events that wait behind them (SPEC 1.3).

One person can request a replay. A discard needs two persons.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypedDict
from uuid import UUID

from wallet_runtime.contract.persons import Person
from wallet_runtime.plumbing.events.inbox import ERROR_LENGTH_MAX, ReceivedEvent
from wallet_runtime.plumbing.events.leases import LeaseLost, PartitionLease
from wallet_runtime.plumbing.events.streams import StreamEntry
from wallet_runtime.plumbing.runtime import fence
from wallet_runtime.plumbing.runtime.database import DatabaseSession, Row, json
from wallet_runtime.plumbing.runtime.identifiers import parse_uuid

BLOCKED = "HELD_UP"  # the value in table rows, metrics and the toolkit
FAILED = "FAILED"
MALFORMED = "MALFORMED"
NUMBER_DIGITS = 18


class TooEarly(Exception):
    """An event cannot be applied yet: an earlier one of its player is missing."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why an entry becomes a dead letter.

    `reason` is MALFORMED, FAILED (after `tries` tries) or BLOCKED (by an earlier dead letter of its
    player). A malformed entry does not block its player: if the outbox has the real event, that
    event is published again.
    """

    reason: str
    error: str
    tries: int = 0


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A dead letter that is due for replay or discard, with its stream entry.

    `discarded` says that two persons decided never to apply the event. `malformed` says that the
    reason is MALFORMED.
    """

    dead_letter_id: int
    stream: str
    entry: StreamEntry
    discarded: bool = False
    malformed: bool = False


class DeadLetters:
    """The dead letters of one consumer. Each method runs in the caller's transaction."""

    def __init__(self, consumer: str) -> None:
        """Store the consumer's schema."""
        self._consumer = consumer

    def add(
        self,
        session: DatabaseSession,
        lease: PartitionLease,
        stream: str,
        entry: StreamEntry,
        verdict: Verdict,
    ) -> bool:
        """Store an entry as a dead letter; return False if it is stored. Raises LeaseLost."""
        row = session.one(
            self._statement("dead_letter_add"),
            partition_no=lease.partition_no,
            holder=lease.holder,
            stream=stream,
            entry_id=entry.entry_id,
            reason=verdict.reason,
            error=_shortened(verdict.error),
            tries=verdict.tries,
            **_columns(entry.fields or {}),
        )
        if not row["leased"]:
            raise LeaseLost
        kept: bool = row["kept"]
        return kept

    def next_to_replay(
        self, session: DatabaseSession, streams: list[str], tried: list[int]
    ) -> DeadLetter | None:
        """Return the next dead letter of these streams to replay or discard, or None.

        Dead letters with an id in `tried` are left out.

        The dead letters of a player come in the order of the player's events.
        """
        row = session.maybe(self._statement("dead_letter_next"), streams=streams, tried=tried)
        if row is None:
            return None
        return DeadLetter(
            row["dead_letter_id"],
            row["stream"],
            StreamEntry(row["entry_id"], row["fields"]),
            row["discarded"],
            row["malformed"],
        )

    def claim_replay(
        self,
        session: DatabaseSession,
        lease: PartitionLease,
        letter: DeadLetter,
        received: ReceivedEvent,
    ) -> bool:
        """Resolve a dead letter and claim its event, in the transaction that applies the event.

        Returns False when the event was applied before. Raises LeaseLost, and TooEarly while an
        earlier event of the player is missing.
        """
        row = session.one(
            self._statement("claim_replay"),
            partition_no=lease.partition_no,
            holder=lease.holder,
            dead_letter_id=letter.dead_letter_id,
            **received.columns(),
        )
        if not row["leased"]:
            raise LeaseLost
        if not row["resolved"]:
            raise TooEarly(
                "an earlier event of the player has not come yet; this one goes after it"
            )
        won: bool = row["won"]
        return won

    def note_failed_replay(self, session: DatabaseSession, letter: DeadLetter, error: str) -> None:
        """Store why a replay failed; a person has to request the next replay."""
        session.run(
            self._statement("replay_failed"),
            dead_letter_id=letter.dead_letter_id,
            error=_shortened(error),
        )

    def drop_malformed(
        self, session: DatabaseSession, lease: PartitionLease, letter: DeadLetter
    ) -> None:
        """Resolve a discarded dead letter whose entry is not a valid event. Raises LeaseLost."""
        row = session.one(
            self._statement("drop_malformed"),
            partition_no=lease.partition_no,
            holder=lease.holder,
            dead_letter_id=letter.dead_letter_id,
        )
        if not row["leased"]:
            raise LeaseLost

    def request_replay(
        self, session: DatabaseSession, dead_letter_id: int, by: str, fence_token: int | None
    ) -> bool:
        """Request a replay; return False if the dead letter is resolved, discarded or BLOCKED."""
        statement = self._statement("request_replay")
        asked = session.maybe(statement, dead_letter_id=dead_letter_id, by=by) is not None
        (fence.note_change if asked else fence.hold)(session, fence_token)
        return asked

    def request_discard(
        self,
        session: DatabaseSession,
        dead_letter_id: int,
        by: Person,
        reason: str,
        fence_token: int | None,
    ) -> None:
        """Request that an event is never applied; a second person has to confirm this.

        Changes nothing for a resolved or BLOCKED dead letter, or if a discard was requested before.
        """
        asked = session.maybe(
            self._statement("request_discard"),
            dead_letter_id=dead_letter_id,
            by=by.name,
            key=by.key_id,
            reason=reason,
        )
        if asked is not None and fence_token is not None:
            fence.note_change(session, fence_token)
        else:
            fence.hold(session, fence_token)

    def confirm_discard(self, session: DatabaseSession, dead_letter_id: int, by: Person) -> None:
        """Confirm a discard that another person requested.

        Changes nothing if the same person requested the discard, or if it is confirmed already.
        """
        session.run(
            self._statement("confirm_discard"),
            dead_letter_id=dead_letter_id,
            by=by.name,
            key=by.key_id,
        )

    def find(self, session: DatabaseSession, dead_letter_id: int) -> Row | None:
        """Return a dead letter with its state and discard, or None.

        `behind` is the id of the earlier dead letter that it waits for.
        """
        return session.maybe(self._statement("dead_letter"), dead_letter_id=dead_letter_id)

    def _statement(self, verb: str) -> str:
        return f"{self._consumer}_{verb}"


class _Columns(TypedDict):
    """The parameters of `dead_letter_add` that come from the fields of an entry."""

    fields: object
    event_type: str | None
    event_no: int | None
    event_id: UUID | None
    brand_id: UUID | None
    player_id: UUID | None


def _columns(fields: Mapping[str, str]) -> _Columns:
    """Return the columns for an entry's fields; an id or number that cannot be parsed is None."""
    storable = {_storable(name): _storable(value) for name, value in fields.items()}
    return _Columns(
        fields=json(storable),
        event_type=storable.get("event_type"),
        event_no=_number(fields.get("event_no", "")),
        event_id=parse_uuid(fields.get("event_id", "")),
        brand_id=parse_uuid(fields.get("brand_id", "")),
        player_id=parse_uuid(fields.get("player_id", "")),
    )


def _storable(text: str) -> str:
    # PostgreSQL takes neither NUL nor a lone surrogate in jsonb.
    return text.replace("\0", "").encode("utf-8", "replace").decode()


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= NUMBER_DIGITS else None


def _shortened(error: str) -> str:
    return error.replace("\0", "")[:ERROR_LENGTH_MAX]
