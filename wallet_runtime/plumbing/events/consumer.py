"""The consumer of the wallet's stream: applies each event once, in the order of its player.

The copy that holds the lease of a partition consumes it. A turn first moves new entries into the
pending list of the consumer group. It then works through this list, oldest entry first. New
entries, redelivered entries and entries that another copy left behind all take this path, so no
entry overtakes an earlier one.

All copies use one consumer name in the group, so the holder of a partition sees all of its pending
entries. A copy that has lost its lease may still try an event: its claim then fails and changes
nothing.

The events of a player are numbered without a gap. An event that comes too early stays pending until
the missing events have come. wallet_worker finds events that the stream has lost and publishes them
again.
"""

import time
from collections.abc import Callable
from uuid import uuid4

import structlog

from wallet_runtime.plumbing.events.applying import EventApplier, PartitionPass
from wallet_runtime.plumbing.events.leases import LeaseLost, PartitionLeases
from wallet_runtime.plumbing.events.order import PlayerOrder
from wallet_runtime.plumbing.events.replay import Replayer
from wallet_runtime.plumbing.events.streams import GroupMissing, StreamEntry, Streams, StreamsError
from wallet_runtime.plumbing.events.subscription import Subscription
from wallet_runtime.plumbing.events.tables import confirm_tables
from wallet_runtime.plumbing.runtime import failpoint
from wallet_runtime.plumbing.runtime.database import Database
from wallet_runtime.plumbing.runtime.loop import Loop

FETCH_COUNT = 50
PAGE_ENTRIES = 100
BLOCK_MS = 300
LEASE_SECONDS = 5.0
PAUSE_SECONDS = 0.01  # short, because a turn itself waits up to BLOCK_MS for entries
STALLED_SECONDS = 15.0

log = structlog.get_logger("events")


class Consumer:
    """Consumes the stream for one copy of a process. Not thread-safe."""

    def __init__(
        self,
        subscription: Subscription,
        database: Database,
        streams: Streams,
        holder: str,
        *,
        lease_seconds: float = LEASE_SECONDS,
    ) -> None:
        """Store the dependencies; `holder` names this copy and is new at each start."""
        self._subscription = subscription
        self._streams = streams
        self._leases = PartitionLeases(subscription, database, holder, lease_seconds)
        self._order = PlayerOrder()
        self._applier = EventApplier(subscription, database, self._order)
        self._replayer = Replayer(subscription, database)
        self._lease_seconds = lease_seconds
        self._stopping: Callable[[], bool] = lambda: False
        self._held: set[int] = set()
        self._unfinished: set[int] = set()
        self._renew_at = float("-inf")

    def leave_when(self, stopping: Callable[[], bool]) -> None:
        """Release this copy's partitions at the end of a turn once `stopping` returns True."""
        self._stopping = stopping

    def turn(self) -> int:
        """Fetch new entries and work through the pending ones; return how many were finished.

        A turn that renews the leases also replays dead letters and counts those.
        """
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
        """Return "ok", or how many players have events that wait for a missing earlier event."""
        return self._order.health()

    def leave(self) -> None:
        """Release this copy's partitions, so that other copies can take them at once."""
        self._leases.leave()
        self._held.clear()
        self._order.forget_players()

    def _replay(self) -> int:
        """Replay or discard dead letters as persons requested; return how many were resolved."""
        return self._replayer.replay(self._leases.lease(number) for number in sorted(self._held))

    def _keep_leases(self) -> bool:
        """Renew the leases after each third of their duration; return whether this call did."""
        now = time.monotonic()
        if now < self._renew_at:
            return False
        held = self._leases.renew()
        for partition_no in held - self._held:
            self._ensure_group(partition_no)
        if held != self._held:
            self._order.forget_players()
        self._order.forget_positions()

        # A copy that has lost its lease may have fetched entries since this copy last worked on the
        # partition. So each renewal looks for pending entries of all held partitions.
        self._held, self._unfinished = held, self._with_pending(held)
        self._renew_at = now + self._lease_seconds / 3
        return True

    def _with_pending(self, held: set[int]) -> set[int]:
        numbers = {self._subscription.stream_of(number): number for number in held}
        try:
            streams = self._streams.with_pending(list(numbers), self._subscription.group)
        except StreamsError:
            return set(held)
        return {numbers[stream] for stream in streams}

    def _ensure_group(self, partition_no: int) -> None:
        self._streams.ensure_group(
            self._subscription.stream_of(partition_no), self._subscription.group
        )

    def _fetch(self) -> None:
        if not self._held:
            return
        streams = {self._subscription.stream_of(number): number for number in sorted(self._held)}
        try:
            fed = self._streams.fetch(
                list(streams),
                self._subscription.group,
                self._subscription.group,
                count=FETCH_COUNT,
                block_ms=None if self._unfinished else self._block_ms(),
            )
        except GroupMissing:
            # Redis lost its data. The new groups begin at the first entry, and the inbox prevents
            # that an event is applied twice.
            log.warning(
                "consumer groups are missing and are made anew", partitions=sorted(self._held)
            )
            for partition_no in self._held:
                self._ensure_group(partition_no)
            return
        self._unfinished.update(streams[stream] for stream in fed)

    def _block_ms(self) -> int:
        # At most a tenth of a lease, so that a waiting copy renews its leases in time.
        return min(BLOCK_MS, int(self._lease_seconds * 100))

    def _work_through(self, partition_no: int) -> int:
        """Work through a partition's pending entries, oldest first; return how many finished."""
        at = PartitionPass(
            self._leases.lease(partition_no), self._subscription.stream_of(partition_no)
        )
        finished, after = 0, "0"
        try:
            while entries := self._pending(at.stream, after):
                finished += self._work_through_page(entries, at)
                after = entries[-1].entry_id
        except LeaseLost:
            log.warning("partition was taken over by another copy", partition=partition_no)
            self._held.discard(partition_no)
            return finished
        except GroupMissing:
            return finished

        # The partition needs another pass while an event waits for a retry, or if a finished event
        # may be the one that an early event waits for.
        if not at.passed_over and not (finished and at.saw_early):
            self._unfinished.discard(partition_no)
        return finished

    def _pending(self, stream: str, after: str) -> list[StreamEntry]:
        group = self._subscription.group
        return self._streams.pending(stream, group, group, after=after, count=PAGE_ENTRIES)

    def _work_through_page(self, entries: list[StreamEntry], at: PartitionPass) -> int:
        done: list[str] = []
        self._applier.look_up(entries, at)
        try:
            for entry in entries:
                if self._applier.finish(entry, at):
                    done.append(entry.entry_id)
        finally:
            failpoint.reach(f"{self._subscription.consumer}.before_ack")
            self._streams.acknowledge(at.stream, self._subscription.group, done)
        return len(done)


def consumer_loop(
    subscription: Subscription, database: Database, streams: Streams, copy: int
) -> Loop:
    """Make the loop `event_consumer` of one copy. Raises SettingsError where a table is missing."""
    confirm_tables(database, subscription.statement("consumer_tables"))
    consumer = Consumer(subscription, database, streams, f"{copy}-{uuid4().hex[:12]}")
    loop = Loop(
        "event_consumer",
        consumer.turn,
        PAUSE_SECONDS,
        STALLED_SECONDS,
        checks={"event_order": consumer.health},
    )
    consumer.leave_when(lambda: loop.stopping)
    return loop
