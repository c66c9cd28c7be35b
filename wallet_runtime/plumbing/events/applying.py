"""Handles one stream entry at a time: applies it, makes it a dead letter, or leaves it pending."""

from dataclasses import dataclass, field

import structlog

from wallet_runtime.plumbing.errors import ApiError
from wallet_runtime.plumbing.events.dead_letters import (
    BLOCKED,
    FAILED,
    MALFORMED,
    DeadLetters,
    Verdict,
)
from wallet_runtime.plumbing.events.envelope import MalformedEvent, StreamEvent, read_event
from wallet_runtime.plumbing.events.inbox import Claimed, Inbox, ReceivedEvent, refuse_unknown
from wallet_runtime.plumbing.events.leases import LeaseLost, PartitionLease
from wallet_runtime.plumbing.events.order import Owner, PlayerOrder
from wallet_runtime.plumbing.events.streams import StreamEntry
from wallet_runtime.plumbing.events.subscription import Subscription, metrics_of
from wallet_runtime.plumbing.runtime import failpoint
from wallet_runtime.plumbing.runtime.database import Database

TRIES_MAX = 5
# The outcomes of a try: the event is finished, is retried later, or waits for an earlier event of
# its player.
DONE, WAITS, EARLY = "done", "waits", "early"

log = structlog.get_logger("events")


@dataclass(slots=True)
class PartitionPass:
    """One pass over the pending entries of a partition.

    `known` are the hashes of those entries of the current page that the publisher's outbox has.
    `passed_over` are the players with an event that waits for a retry: the pass skips their later
    events. `saw_early` says that an entry came before an earlier event of its player.
    """

    lease: PartitionLease
    stream: str
    known: set[str] = field(default_factory=set)
    passed_over: set[Owner] = field(default_factory=set)
    saw_early: bool = False


class EventApplier:
    """Applies the stream entries of one consumer. Not thread-safe."""

    def __init__(self, subscription: Subscription, database: Database, order: PlayerOrder) -> None:
        """Store the dependencies."""
        self._subscription = subscription
        self._database = database
        self._order = order
        self._inbox = Inbox(subscription)
        self._dead_letters = DeadLetters(subscription.consumer)
        self._metrics = metrics_of(subscription.consumer)
        self._poison: tuple[type[Exception], ...] = (MalformedEvent, *subscription.poison)

    def look_up(self, entries: list[StreamEntry], at: PartitionPass) -> None:
        """Look up a page of entries in the publisher's outbox with one query; set `at.known`."""
        with self._database.session() as session:
            at.known = self._inbox.known(session, at.lease.partition_no, entries)

    def finish(self, entry: StreamEntry, at: PartitionPass) -> bool:
        """Apply an entry or make it a dead letter; return whether it can be acknowledged.

        False means that the entry stays pending: it waits for a retry or for an earlier event of
        its player.
        """
        if entry.fields is None:
            log.warning(
                "entry is gone from the stream; its event is sent again",
                stream=at.stream,
                entry_id=entry.entry_id,
            )
            return True
        try:
            event = read_event(entry.fields)
            refuse_unknown(entry, at.known)
        except MalformedEvent as error:
            self._dead_letter(at, entry, Verdict(MALFORMED, str(error)))
            return True
        return self._order.is_applied(event) or self._finish_event(entry, event, at)

    def _finish_event(self, entry: StreamEntry, event: StreamEvent, at: PartitionPass) -> bool:
        if self._order.is_early(event):
            at.saw_early = True
            return False
        if event.owner in at.passed_over or self._order.rests(event):
            at.passed_over.add(event.owner)
            return False

        outcome = self._try(ReceivedEvent(at.stream, entry, event), at)
        if outcome == WAITS:
            at.passed_over.add(event.owner)
        else:
            self._order.finish(event)
        return outcome == DONE

    def _try(self, received: ReceivedEvent, at: PartitionPass) -> str:
        """Try one event; return DONE, WAITS or EARLY.

        LeaseLost and ApiError (a server does not answer) are raised, because the event is not at
        fault. Any other exception counts as a failed try of the event.
        """
        event = received.event
        try:
            outcome = self._apply(received, at)
        except (LeaseLost, ApiError):
            raise
        except self._poison as error:
            self._subscription.on_failure(event)
            self._dead_letter(at, received.entry, Verdict(FAILED, str(error), 1))
            return DONE
        except Exception as error:
            return self._fail(received, at, f"{type(error).__name__}: {error}")
        self._metrics.events.labels(event.event_type, outcome).inc()
        return EARLY if outcome == EARLY else DONE

    def _apply(self, received: ReceivedEvent, at: PartitionPass) -> str:
        """Claim the event and apply it, in one transaction."""
        event = received.event
        with self._database.transaction() as session:
            claimed = self._inbox.claim(session, at.lease, received)
            if claimed.won:
                self._subscription.apply(session, event)
                failpoint.reach(f"{self._subscription.consumer}.before_commit")
        self._order.reached(event, event.event_no if claimed.won else claimed.position)
        return self._settled_outcome(received, at, claimed)

    def _settled_outcome(self, received: ReceivedEvent, at: PartitionPass, claimed: Claimed) -> str:
        event = received.event
        if claimed.blocked and event.event_no > claimed.position:
            why = Verdict(BLOCKED, "an earlier event of this player is a dead letter")
            self._dead_letter(at, received.entry, why)
        elif not claimed.won and event.event_no > claimed.position + 1:
            self._order.begin_wait(event)
            at.saw_early = True
            return EARLY
        self._order.end_wait(event)
        return "applied" if claimed.won else "held_up" if claimed.blocked else "repeated"

    def _fail(self, received: ReceivedEvent, at: PartitionPass, reason: str) -> str:
        """Count a failed try; after `TRIES_MAX` tries the event becomes a dead letter."""
        event = received.event
        self._subscription.on_failure(event)
        with self._database.session() as session:
            tries = self._inbox.count_failure(session, event, reason)
        if tries >= TRIES_MAX:
            self._dead_letter(at, received.entry, Verdict(FAILED, reason, tries))
            return DONE
        log.warning(
            "event failed and is tried again",
            event_id=str(event.event_id),
            tries=tries,
            error=reason,
        )
        self._order.put_off(event, tries)
        return WAITS

    def _dead_letter(self, at: PartitionPass, entry: StreamEntry, verdict: Verdict) -> None:
        with self._database.session() as session:
            kept = self._dead_letters.add(session, at.lease, at.stream, entry, verdict)
        if kept:
            self._metrics.dead_letters.labels(verdict.reason).inc()
            log.error(
                "event became a dead letter",
                stream=at.stream,
                entry_id=entry.entry_id,
                reason=verdict.reason,
                error=verdict.error,
            )
