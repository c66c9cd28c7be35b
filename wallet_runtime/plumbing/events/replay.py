"""Replays and discards dead letters, in player order, on the copy that holds the partition."""

from collections.abc import Iterable

import structlog

from wallet_runtime.plumbing.errors import ApiError
from wallet_runtime.plumbing.events.dead_letters import DeadLetter, DeadLetters
from wallet_runtime.plumbing.events.envelope import MalformedEvent, StreamEvent, read_event
from wallet_runtime.plumbing.events.inbox import Inbox, ReceivedEvent, refuse_unknown
from wallet_runtime.plumbing.events.leases import LeaseLost, PartitionLease
from wallet_runtime.plumbing.events.subscription import Subscription
from wallet_runtime.plumbing.runtime.database import Database

log = structlog.get_logger("events")


class Replayer:
    """Replays and discards dead letters on request, and replays those that were BLOCKED by them."""

    def __init__(self, subscription: Subscription, database: Database) -> None:
        """Store the dependencies."""
        self._subscription = subscription
        self._database = database
        self._inbox = Inbox(subscription)
        self._dead_letters = DeadLetters(subscription.consumer)

    def replay(self, leases: Iterable[PartitionLease]) -> int:
        """Process the due dead letters of these partitions; return how many were resolved.

        Each is tried once: a discard that fails stays due. A partition whose lease is lost is left
        to the copy that has it now.
        """
        held = {self._subscription.stream_of(lease.partition_no): lease for lease in leases}
        tried: list[int] = []
        done = 0
        while held and (letter := self._next(list(held), tried)) is not None:
            tried.append(letter.dead_letter_id)
            try:
                done += self._try(held[letter.stream], letter)
            except LeaseLost:
                del held[letter.stream]
        return done

    def _next(self, streams: list[str], tried: list[int]) -> DeadLetter | None:
        with self._database.session() as session:
            return self._dead_letters.next_to_replay(session, streams, tried)

    def _try(self, lease: PartitionLease, letter: DeadLetter) -> bool:
        """Apply or discard one event, or store why this failed; return whether it is resolved.

        LeaseLost and ApiError (a server does not answer) are raised, because the event is not at
        fault.
        """
        try:
            event = self._read(lease, letter)
            self._claim(lease, letter, event)
        except MalformedEvent as error:
            return self._malformed(lease, letter, error)
        except (LeaseLost, ApiError):
            raise
        except Exception as error:
            return self._failed(letter, f"{type(error).__name__}: {error}")
        log.info(
            f"dead letter was {'discarded' if letter.discarded else 'replayed'}",
            dead_letter_id=letter.dead_letter_id,
            event_id=str(event.event_id),
        )
        return True

    def _read(self, lease: PartitionLease, letter: DeadLetter) -> StreamEvent:
        event = read_event(letter.entry.fields or {})
        if letter.malformed:
            with self._database.session() as session:
                known = self._inbox.known(session, lease.partition_no, [letter.entry])
            refuse_unknown(letter.entry, known)
        return event

    def _claim(self, lease: PartitionLease, letter: DeadLetter, event: StreamEvent) -> None:
        received = ReceivedEvent(letter.stream, letter.entry, event)
        with self._database.transaction() as session:
            won = self._dead_letters.claim_replay(session, lease, letter, received)
            if won and not letter.discarded:
                self._subscription.apply(session, event)

    def _malformed(self, lease: PartitionLease, letter: DeadLetter, error: MalformedEvent) -> bool:
        if not letter.discarded:
            return self._failed(letter, str(error))
        with self._database.session() as session:
            self._dead_letters.drop_malformed(session, lease, letter)
        log.info("entry that is no event was discarded", dead_letter_id=letter.dead_letter_id)
        return True

    def _failed(self, letter: DeadLetter, reason: str) -> bool:
        log.error("replay of an event failed", dead_letter_id=letter.dead_letter_id, error=reason)
        with self._database.session() as session:
            self._dead_letters.note_failed_replay(session, letter, reason)
        return False
