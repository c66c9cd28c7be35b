"""Replay of events set aside: by the copy that holds their partition, in order per player, so that nothing overtakes them."""

import structlog

from wallet_runtime.plumbing.database import Database
from wallet_runtime.plumbing.errors import ApiError
from wallet_runtime.plumbing.inbox import Delivery, MalformedEvent, read_event
from wallet_runtime.plumbing.streams import wallet_stream
from wallet_runtime.rolling import dead_letters
from wallet_runtime.rolling.dead_letters import DeadLetter
from wallet_runtime.rolling.store import Lease, LeaseLost
from wallet_runtime.rolling.worker.effects import EFFECTS

log = structlog.get_logger("rolling")


def replay(database: Database, lease: Lease) -> int:
    """Try again what was asked for in one partition, and what waited for it; return how many got through. Raises LeaseLost."""
    done = 0
    while (letter := _next(database, lease)) is not None:
        done += _try(database, lease, letter)
    return done


def _next(database: Database, lease: Lease) -> DeadLetter | None:
    with database.session() as session:
        return dead_letters.next_to_replay(session, wallet_stream(lease.partition_no))


def _try(database: Database, lease: Lease, letter: DeadLetter) -> bool:
    """Apply one event, or keep why it failed; a server that does not answer is not the event's failure."""
    try:
        event = read_event(letter.entry.fields or {})
        with database.transaction() as session:
            won = dead_letters.claim_replay(session, lease, letter, Delivery(letter.stream, letter.entry, event))
            if won and event.event_type in EFFECTS:
                EFFECTS[event.event_type](session, event)
    except (LeaseLost, ApiError):
        raise
    except Exception as error:
        reason = str(error) if isinstance(error, MalformedEvent) else f"{type(error).__name__}: {error}"
        log.error("replay of an event failed", dead_letter_id=letter.dead_letter_id, error=reason)
        with database.session() as session:
            dead_letters.note_failed_replay(session, letter, reason)
        return False
    log.info("event set aside was replayed", dead_letter_id=letter.dead_letter_id, event_id=str(event.event_id))
    return True
