"""The consumer of the wallet's stream: each event once, in order per player, by whichever copy holds its partition.

Entries first move into the group's pending list and are then worked through from its oldest one, so that new, redelivered
and inherited entries take one path and none overtakes another. All copies share one consumer name: whoever holds a
partition sees everything that is pending in it, and a lost lease shows in the claim, which then changes nothing.

The events of a player are numbered. One that comes too early stays pending until the missing ones have come; wallet_worker
finds what the stream has lost and sends it again.
"""

import time
from collections.abc import Callable
from uuid import UUID

import structlog
from prometheus_client import Counter

from wallet_runtime import contract
from wallet_runtime.plumbing.errors import ApiError
from wallet_runtime.plumbing.events.inbox import Delivery, Event, MalformedEvent, read_event
from wallet_runtime.plumbing.events.streams import Entry, GroupMissing, Streams, wallet_stream
from wallet_runtime.plumbing.runtime import failpoint
from wallet_runtime.plumbing.runtime.database import Database
from wallet_runtime.plumbing.runtime.health import OK
from wallet_runtime.rolling import dead_letters, store
from wallet_runtime.rolling.dead_letters import HELD_UP, MALFORMED, SetAside
from wallet_runtime.rolling.domain import InconsistentEvent
from wallet_runtime.rolling.store import Lease, LeaseLost
from wallet_runtime.rolling.worker.effects import EFFECTS, only_receive
from wallet_runtime.rolling.worker.replay import replay

CONSUMER = "rolling_worker"
FETCH_COUNT = 50
PAGE_ENTRIES = 100
BLOCK_MS = 200
LEASE_SECONDS = 5.0
TRIES_MAX = 5
FIRST_RETRY_SECONDS = 0.05
EARLY_SECONDS_MAX = 5.0
# How a try of an event ends: it is finished, or waits for its next try, or for an event that comes before it.
DONE, WAITS, EARLY = "done", "waits", "early"

Owner = tuple[UUID, UUID]  # the brand and the player whose event it is

EVENTS = Counter(
    "rolling_events_total", "Events of the wallet that were dealt with.", ["event_type", "outcome"]
)
SET_ASIDE = Counter(
    "rolling_events_set_aside_total", "Events set aside as dead letters.", ["reason"]
)
CREATION_FAILURES = Counter(
    "rolling_creation_failures_total", "Tries to create a required rolling that failed."
)

log = structlog.get_logger("rolling")


class Consumer:
    """One copy's turn at the stream. Not shared between threads."""

    def __init__(
        self,
        database: Database,
        streams: Streams,
        holder: str,
        *,
        lease_seconds: float = LEASE_SECONDS,
    ) -> None:
        """Take what a turn needs; `holder` is unique to this start of this copy."""
        self._database = database
        self._streams = streams
        self._holder = holder
        self._lease_seconds = lease_seconds
        self._stopping: Callable[[], bool] = lambda: False
        self._held: set[int] = set()
        self._unfinished: set[int] = set()
        self._renew_at = float("-inf")
        self._retry_at: dict[UUID, float] = {}
        self._positions: dict[Owner, int] = {}
        self._early_since: dict[Owner, float] = {}
        self._saw_early = False

    def leave_when(self, stopping: Callable[[], bool]) -> None:
        """Free this copy's partitions at the end of the turn in which `stopping` comes true."""
        self._stopping = stopping

    def turn(self) -> int:
        """Fetch what is new and work through what is pending; return how many entries were finished."""
        finished = self._replay() if self._keep_leases() else 0
        self._fetch()
        finished += sum(
            self._work_through(partition_no)
            for partition_no in sorted(self._unfinished & self._held)
        )
        if self._stopping():
            self.leave()
        return finished

    def health(self) -> str:
        """Say "ok", or how many players' events wait for one that the stream does not bring."""
        now = time.monotonic()
        waiting = [now - since for since in tuple(self._early_since.values())]
        if not waiting or max(waiting) < EARLY_SECONDS_MAX:
            return OK
        return f"events of {len(waiting)} players wait for an earlier one that has not come, for {max(waiting):.0f} s at most"

    def leave(self) -> None:
        """Free this copy's partitions, so that another need not wait for the leases to expire."""
        with self._database.session() as session:
            store.leave(session, self._holder)
        self._held.clear()
        self._forget_players()

    def _forget_players(self) -> None:
        self._positions.clear()
        self._early_since.clear()

    def _replay(self) -> int:
        """Try again what a person asked for."""
        replayed = 0
        for partition_no in sorted(self._held):
            try:
                replayed += replay(self._database, Lease(partition_no, self._holder))
            except LeaseLost:
                self._held.discard(partition_no)
        return replayed

    def _keep_leases(self) -> bool:
        """Renew three times per lease, and hold a fair share: no more than the partitions divided by the live copies.

        Returns whether it was time to.
        """
        now = time.monotonic()
        if now < self._renew_at:
            return False
        with self._database.transaction() as session:
            share = -(
                -contract.PARTITIONS // store.beat(session, self._holder, self._lease_seconds)
            )
            held = store.renew_leases(session, self._holder, self._lease_seconds)
            if len(held) > share:
                surplus = sorted(held)[share:]
                store.release_leases(session, self._holder, surplus)
                held.difference_update(surplus)
            taken = (
                store.take_leases(session, self._holder, self._lease_seconds, share - len(held))
                if len(held) < share
                else set()
            )
        for partition_no in taken | (held - self._held):
            self._streams.ensure_group(wallet_stream(partition_no), contract.ROLLING_GROUP)
        if held | taken != self._held:
            self._forget_players()
        self._held = held | taken
        self._positions.clear()
        # A copy that lost its lease may have fetched entries after this one last looked: look at everything now and then.
        self._unfinished = set(self._held)
        self._renew_at = now + self._lease_seconds / 3
        return True

    def _fetch(self) -> None:
        if not self._held:
            return
        streams = {wallet_stream(partition_no): partition_no for partition_no in sorted(self._held)}
        waiting = bool(self._unfinished)
        try:
            fed = self._streams.fetch(
                list(streams),
                contract.ROLLING_GROUP,
                CONSUMER,
                count=FETCH_COUNT,
                block_ms=None if waiting else BLOCK_MS,
            )
        except GroupMissing:
            # The server lost its data: begin again at the first entry, the inbox knows what was applied.
            log.warning(
                "consumer groups are missing and are made anew", partitions=sorted(self._held)
            )
            for stream in streams:
                self._streams.ensure_group(stream, contract.ROLLING_GROUP)
            return
        self._unfinished.update(streams[stream] for stream in fed)

    def _work_through(self, partition_no: int) -> int:
        """Deal with everything pending in a partition, oldest first; a player whose event has to wait is passed over."""
        stream, lease = wallet_stream(partition_no), Lease(partition_no, self._holder)
        finished, after = 0, "0"
        self._saw_early = False
        passed_over: set[Owner] = set()
        try:
            while entries := self._streams.pending(
                stream, contract.ROLLING_GROUP, CONSUMER, after=after, count=PAGE_ENTRIES
            ):
                finished += self._work_through_page(lease, stream, entries, passed_over)
                after = entries[-1].entry_id
        except LeaseLost:
            log.warning("partition was taken over by another copy", partition=partition_no)
            self._held.discard(partition_no)
            return finished
        except GroupMissing:
            return finished
        # Early events are looked at again once the missing one has come, and now and then.
        if not passed_over and not (finished and self._saw_early):
            self._unfinished.discard(partition_no)
        return finished

    def _work_through_page(
        self, lease: Lease, stream: str, entries: list[Entry], passed_over: set[Owner]
    ) -> int:
        done: list[str] = []
        with self._database.session() as session:
            known = store.known_events(session, lease.partition_no, entries)
        try:
            for entry in entries:
                if self._deal_with(lease, stream, entry, passed_over, known):
                    done.append(entry.entry_id)
        finally:
            failpoint.reach("rolling.before_ack")
            self._streams.acknowledge(stream, contract.ROLLING_GROUP, done)
        return len(done)

    def _deal_with(
        self, lease: Lease, stream: str, entry: Entry, passed_over: set[Owner], known: set[str]
    ) -> bool:
        """Apply one entry or set it aside; False when it has to wait, and its player's later ones with it."""
        try:
            if entry.fields is None:
                log.warning(
                    "entry is gone from the stream; its event is sent again",
                    stream=stream,
                    entry_id=entry.entry_id,
                )
                return True
            event = read_event(entry.fields)
            store.refuse_unknown(entry, known)
        except MalformedEvent as error:
            self._set_aside(lease, stream, entry, SetAside(MALFORMED, str(error)))
            return True
        owner = event.brand_id, event.player_id
        position = self._positions.get(owner)
        if position is not None and event.event_no <= position:
            return True
        if position is not None and event.event_no > position + 1 and owner in self._early_since:
            self._saw_early = True
            return False
        if owner in passed_over or self._retry_at.get(event.event_id, 0.0) > time.monotonic():
            passed_over.add(owner)
            return False
        outcome = self._try(lease, Delivery(stream, entry, event))
        if outcome == WAITS:
            passed_over.add(owner)
        else:
            self._retry_at.pop(event.event_id, None)
        return outcome == DONE

    def _try(self, lease: Lease, delivery: Delivery) -> str:
        """Try one event; a server that does not answer ends the turn, anything else is the event's own failure."""
        try:
            outcome = self._apply(lease, delivery)
        except (LeaseLost, ApiError):
            raise
        except (MalformedEvent, InconsistentEvent) as error:
            self._note_failure(delivery.event)
            self._set_aside(
                lease, delivery.stream, delivery.entry, SetAside("FAILED", str(error), 1)
            )
            return DONE
        except Exception as error:
            return self._failed(lease, delivery, error)
        EVENTS.labels(delivery.event.event_type, outcome).inc()
        return EARLY if outcome == EARLY else DONE

    def _apply(self, lease: Lease, delivery: Delivery) -> str:
        """Claim the event and apply it, in one transaction."""
        event = delivery.event
        owner = event.brand_id, event.player_id
        with self._database.transaction() as session:
            claimed = store.claim(session, lease, delivery)
            if claimed.won:
                EFFECTS.get(event.event_type, only_receive)(session, event)
                failpoint.reach("rolling.before_commit")
        self._positions[owner] = event.event_no if claimed.won else claimed.position
        if claimed.held_up and event.event_no > claimed.position:
            why = SetAside(HELD_UP, "an earlier event of this player is set aside")
            self._set_aside(lease, delivery.stream, delivery.entry, why)
        elif not claimed.won and event.event_no > claimed.position + 1:
            self._early_since.setdefault(owner, time.monotonic())
            self._saw_early = True
            return EARLY
        self._early_since.pop(owner, None)
        return "applied" if claimed.won else "held_up" if claimed.held_up else "repeated"

    def _failed(self, lease: Lease, delivery: Delivery, error: Exception) -> str:
        """Count a failed try; the last one sets the event aside."""
        event, reason = delivery.event, f"{type(error).__name__}: {error}"
        self._note_failure(event)
        with self._database.session() as session:
            tries = store.count_failure(session, event, reason)
        if tries >= TRIES_MAX:
            self._set_aside(
                lease, delivery.stream, delivery.entry, SetAside("FAILED", reason, tries)
            )
            return DONE
        log.warning(
            "event failed and is tried again",
            event_id=str(event.event_id),
            tries=tries,
            error=reason,
        )
        self._retry_at[event.event_id] = time.monotonic() + FIRST_RETRY_SECONDS * 2.0**tries
        return WAITS

    def _set_aside(self, lease: Lease, stream: str, entry: Entry, why: SetAside) -> None:
        with self._database.session() as session:
            kept = dead_letters.set_aside(session, lease, stream, entry, why)
        if kept:
            SET_ASIDE.labels(why.reason).inc()
            log.error(
                "event set aside",
                stream=stream,
                entry_id=entry.entry_id,
                reason=why.reason,
                error=why.error,
            )

    @staticmethod
    def _note_failure(event: Event) -> None:
        if event.event_type == contract.ROLLING_REQUIRED:
            CREATION_FAILURES.inc()
