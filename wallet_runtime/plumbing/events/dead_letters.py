"""Dead letters: events that cannot be applied, and those that wait behind them (SPEC 1.3).

A person may have one replayed; two persons may have one discarded.
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

BLOCKED = "HELD_UP"  # the word that rows, metrics and the toolkit have
FAILED = "FAILED"
MALFORMED = "MALFORMED"
NUMBER_DIGITS = 18


class TooEarly(Exception):
    """An event cannot be applied yet: an earlier one of its player is missing."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why an entry becomes a dead letter.

    MALFORMED, FAILED after `tries`, or BLOCKED by an earlier one of its player. A malformed entry
    blocks nobody: the event that it should have been is missing and is sent again.
    """

    reason: str
    error: str
    tries: int = 0


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """An event with the entry it came as; `discarded`: two persons want it never applied."""

    dead_letter_id: int
    stream: str
    entry: StreamEntry
    discarded: bool = False
    malformed: bool = False


class DeadLetters:
    """The dead letters of one consumer, by its schema; calls run in the caller's transaction."""

    def __init__(self, consumer: str) -> None:
        """Take whose they are."""
        self._consumer = consumer

    def add(
        self,
        session: DatabaseSession,
        lease: PartitionLease,
        stream: str,
        entry: StreamEntry,
        verdict: Verdict,
    ) -> bool:
        """Keep an entry as a dead letter; False when it was kept before. Raises LeaseLost."""
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

    def next_to_replay(self, session: DatabaseSession, stream: str) -> DeadLetter | None:
        """Find one of a stream that may be dealt with and that none of its player comes before."""
        row = session.maybe(self._statement("dead_letter_next"), stream=stream)
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
        """Close the dead letter in the transaction of its effect.

        False when its event was applied before. Raises LeaseLost, and TooEarly while an earlier
        event of the player is missing.
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
        """Keep why a replay failed; the event waits for a person again."""
        session.run(
            self._statement("replay_failed"),
            dead_letter_id=letter.dead_letter_id,
            error=_shortened(error),
        )

    def drop_malformed(
        self, session: DatabaseSession, lease: PartitionLease, letter: DeadLetter
    ) -> None:
        """Close an entry that is no event and that two persons discarded. Raises LeaseLost."""
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
        """Ask for an event to be tried again; False unless it is open and failed by itself."""
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
        """Ask for an event never to be applied.

        Nothing changes unless it failed by itself and nobody asked before.
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
        """Confirm a discard.

        Nothing changes unless another person asked for it and nobody confirmed before.
        """
        session.run(
            self._statement("confirm_discard"),
            dead_letter_id=dead_letter_id,
            by=by.name,
            key=by.key_id,
        )

    def find(self, session: DatabaseSession, dead_letter_id: int) -> Row | None:
        """Return one with its state, its discard and the one that it waits `behind`, or None."""
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
    """Return what is kept of an entry's fields; an id that cannot be read is NULL."""
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
