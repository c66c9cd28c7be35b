"""Replay and discard of dead letters: by the copy that holds their partition, in order per player."""

import structlog

from wallet_runtime.plumbing.errors import ApiError
from wallet_runtime.plumbing.events.inbox import Delivery, MalformedEvent, read_event
from wallet_runtime.plumbing.events.streams import wallet_stream
from wallet_runtime.plumbing.runtime.database import Database
from wallet_runtime.rolling import dead_letters, store
from wallet_runtime.rolling.dead_letters import DeadLetter
from wallet_runtime.rolling.store import Lease, LeaseLost
from wallet_runtime.rolling.worker.effects import EFFECTS

log = structlog.get_logger("rolling")


def replay(database: Database, lease: Lease) -> int:
    """Deal with what persons asked for in one partition, and what waited for it; return how many are done.

    Raises LeaseLost.
    """
    done = 0
    while (letter := _next(database, lease)) is not None:
        done += _try(database, lease, letter)
    return done


def _next(database: Database, lease: Lease) -> DeadLetter | None:
    with database.session() as session:
        return dead_letters.next_to_replay(session, wallet_stream(lease.partition_no))


def _try(database: Database, lease: Lease, letter: DeadLetter) -> bool:
    """Apply or pass over one event, or keep why it failed; a server that does not answer is not the event's failure."""
    try:
        event = read_event(letter.entry.fields or {})
        if letter.malformed and not letter.discarded:
            with database.session() as session:
                store.refuse_unknown(
                    letter.entry, store.known_events(session, lease.partition_no, [letter.entry])
                )
        with database.transaction() as session:
            won = dead_letters.claim_replay(
                session, lease, letter, Delivery(letter.stream, letter.entry, event)
            )
            if won and not letter.discarded and event.event_type in EFFECTS:
                EFFECTS[event.event_type](session, event)
    except MalformedEvent as error:
        return _malformed(database, lease, letter, error)
    except (LeaseLost, ApiError):
        raise
    except Exception as error:
        return _failed(database, letter, f"{type(error).__name__}: {error}")
    done = "discarded" if letter.discarded else "replayed"
    log.info(
        f"event set aside was {done}",
        dead_letter_id=letter.dead_letter_id,
        event_id=str(event.event_id),
    )
    return True


def _malformed(database: Database, lease: Lease, letter: DeadLetter, error: MalformedEvent) -> bool:
    if not letter.discarded:
        return _failed(database, letter, str(error))
    with database.session() as session:
        dead_letters.drop_malformed(session, lease, letter)
    log.info("entry that is no event was discarded", dead_letter_id=letter.dead_letter_id)
    return True


def _failed(database: Database, letter: DeadLetter, reason: str) -> bool:
    log.error("replay of an event failed", dead_letter_id=letter.dead_letter_id, error=reason)
    with database.session() as session:
        dead_letters.note_failed_replay(session, letter, reason)
    return False
