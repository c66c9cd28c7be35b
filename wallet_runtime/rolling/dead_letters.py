"""Dead letters: events that cannot be applied, and those that wait behind them (SPEC 1.3).

A person may have one replayed; two persons may have one discarded.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from wallet_runtime.contract.persons import Person
from wallet_runtime.plumbing.events import inbox
from wallet_runtime.plumbing.events.inbox import Delivery
from wallet_runtime.plumbing.events.streams import Entry
from wallet_runtime.plumbing.http.headers import parse_uuid
from wallet_runtime.plumbing.runtime import fence
from wallet_runtime.plumbing.runtime.database import Row, Session, json
from wallet_runtime.rolling.store import ERROR_LENGTH_MAX, Lease, LeaseLost

HELD_UP = "HELD_UP"
MALFORMED = "MALFORMED"
NUMBER_DIGITS = 18


class TooEarly(Exception):
    """An event cannot be applied yet: an earlier one of its player is missing."""


@dataclass(frozen=True, slots=True)
class SetAside:
    """Why an entry is set aside: MALFORMED, FAILED after `tries`, or HELD_UP behind an earlier one of its player.

    A malformed entry holds nobody up: the event that it should have been is missing and is sent again.
    """

    reason: str
    error: str
    tries: int = 0


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """An event that was set aside, with the entry it came as; `discarded`: two persons want it never applied."""

    dead_letter_id: int
    stream: str
    entry: Entry
    discarded: bool = False
    malformed: bool = False


def set_aside(session: Session, lease: Lease, stream: str, entry: Entry, why: SetAside) -> bool:
    """Keep an entry as a dead letter; False when it was kept before. Raises LeaseLost."""
    fields = entry.fields or {}
    row = session.one(
        "rolling_set_aside",
        partition_no=lease.partition_no,
        holder=lease.holder,
        stream=stream,
        entry_id=entry.entry_id,
        fields=json(_storable(fields)),
        event_type=_storable(fields).get("event_type"),
        **{
            name: parse_uuid(fields.get(name, "")) for name in ("event_id", "brand_id", "player_id")
        },
        event_no=_number(fields.get("event_no", "")),
        reason=why.reason,
        error=_said(why.error),
        tries=why.tries,
    )
    if not row["leased"]:
        raise LeaseLost
    kept: bool = row["kept"]
    return kept


def _storable(fields: Mapping[str, str]) -> dict[str, str]:
    # PostgreSQL takes neither NUL nor a lone surrogate in jsonb; whoever reads a dead letter can do without them.
    return {_text(name): _text(value) for name, value in fields.items()}


def _text(said: str) -> str:
    return said.replace("\0", "").encode("utf-8", "replace").decode()


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= NUMBER_DIGITS else None


def next_to_replay(session: Session, stream: str) -> DeadLetter | None:
    """Find an event of a stream that may be dealt with and that none of its player comes before."""
    row = session.maybe("rolling_replayable", stream=stream)
    if row is None:
        return None
    return DeadLetter(
        row["dead_letter_id"],
        row["stream"],
        Entry(row["entry_id"], row["fields"]),
        row["discarded"],
        row["malformed"],
    )


def claim_replay(session: Session, lease: Lease, letter: DeadLetter, delivery: Delivery) -> bool:
    """Close the dead letter in the transaction of its effect; False when its event was applied before.

    Raises LeaseLost, and TooEarly while an earlier event of the player is missing.
    """
    row = inbox.claim(
        session,
        "rolling_claim_replay",
        delivery,
        partition_no=lease.partition_no,
        holder=lease.holder,
        dead_letter_id=letter.dead_letter_id,
    )
    if not row["leased"]:
        raise LeaseLost
    if not row["resolved"]:
        raise TooEarly("an earlier event of the player has not come yet; this one goes after it")
    won: bool = row["won"]
    return won


def note_failed_replay(session: Session, letter: DeadLetter, error: str) -> None:
    """Keep why a replay failed; the event waits for a person again."""
    session.run("rolling_replay_failed", dead_letter_id=letter.dead_letter_id, error=_said(error))


def drop_malformed(session: Session, lease: Lease, letter: DeadLetter) -> None:
    """Close an entry that is no event and that two persons discarded. Raises LeaseLost."""
    row = session.one(
        "rolling_drop_malformed",
        partition_no=lease.partition_no,
        holder=lease.holder,
        dead_letter_id=letter.dead_letter_id,
    )
    if not row["leased"]:
        raise LeaseLost


def request_replay(session: Session, dead_letter_id: int, by: str, fence_token: int | None) -> bool:
    """Ask for an event to be tried again; False unless it is set aside and failed by itself."""
    asked = (
        session.maybe("rolling_request_replay", dead_letter_id=dead_letter_id, by=by) is not None
    )
    (fence.note_change if asked else fence.hold)(session, fence_token)
    return asked


def request_discard(
    session: Session, dead_letter_id: int, by: Person, reason: str, fence_token: int | None
) -> None:
    """Ask for an event never to be applied; nothing changes unless it failed by itself and nobody asked before."""
    asked = session.maybe(
        "rolling_request_discard",
        dead_letter_id=dead_letter_id,
        by=by.name,
        key=by.key_id,
        reason=reason,
    )
    if asked is not None and fence_token is not None:
        fence.note_change(session, fence_token)
    else:
        fence.hold(session, fence_token)


def confirm_discard(session: Session, dead_letter_id: int, by: Person) -> None:
    """Confirm a discard; nothing changes unless another person asked for it and nobody confirmed before."""
    session.run("rolling_confirm_discard", dead_letter_id=dead_letter_id, by=by.name, key=by.key_id)


def find(session: Session, dead_letter_id: int) -> Row | None:
    """Return one with its state, its discard and the one that it waits `behind`, or None."""
    return session.maybe("rolling_dead_letter", dead_letter_id=dead_letter_id)


def _said(error: str) -> str:
    return error.replace("\0", "")[:ERROR_LENGTH_MAX]
