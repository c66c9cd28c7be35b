"""The consumer of the wallet's stream: each event once, in player order, by the partition's holder.

Entries first move into the group's pending list and are then worked through from its oldest one, so
that new, redelivered and inherited entries take one path and none overtakes another. All copies
share one consumer name: the holder of a partition sees everything that is pending in it, and a lost
lease shows in the claim, which then changes nothing.

The events of a player are numbered. One that comes too early stays pending until the missing ones
have come; wallet_worker finds what the stream has lost and sends it again.
"""

import time
from collections.abc import Callable
from uuid import uuid4

import structlog

from wallet_runtime.plumbing.events.applying import EventApplier, PartitionPass
from wallet_runtime.plumbing.events.leases import LeaseLost, PartitionLeases
from wallet_runtime.plumbing.events.order import PlayerOrder
from wallet_runtime.plumbing.events.replay import Replayer
from wallet_runtime.plumbing.events.streams import GroupMissing, StreamEntry, Streams
from wallet_runtime.plumbing.events.subscription import Subscription
from wallet_runtime.plumbing.events.tables import confirm_tables
from wallet_runtime.plumbing.runtime import failpoint
from wallet_runtime.plumbing.runtime.database import Database
from wallet_runtime.plumbing.runtime.loop import Loop

FETCH_COUNT = 50
PAGE_ENTRIES = 100
BLOCK_MS = 200
LEASE_SECONDS = 5.0
PAUSE_SECONDS = 0.01  # the consumer itself waits for entries inside its turn
STALLED_SECONDS = 15.0

log = structlog.get_logger("events")


class Consumer:
    """One copy's turn at the stream. Not shared between threads."""

    def __init__(
        self,
        subscription: Subscription,
        database: Database,
        streams: Streams,
        holder: str,
        *,
        lease_seconds: float = LEASE_SECONDS,
    ) -> None:
        """Take what a turn needs; `holder` is unique to this start of this copy."""
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
        """Free this copy's partitions at the end of the turn in which `stopping` comes true."""
        self._stopping = stopping

    def turn(self) -> int:
        """Fetch what is new and work through what is pending; return how many entries ended."""
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
        return self._order.health()

    def leave(self) -> None:
        """Free this copy's partitions, so that another need not wait for the leases to expire."""
        self._leases.leave()
        self._held.clear()
        self._order.forget_players()

    def _replay(self) -> int:
        """Try again what a person asked for."""
        replayed = 0
        for partition_no in sorted(self._held):
            try:
                replayed += self._replayer.replay(self._leases.lease(partition_no))
            except LeaseLost:
                self._held.discard(partition_no)
        return replayed

    def _keep_leases(self) -> bool:
        """Renew the leases three times in the time of one; return whether it was time to."""
        now = time.monotonic()
        if now < self._renew_at:
            return False
        held = self._leases.renew()
        for partition_no in held - self._held:
            self._ensure_group(partition_no)
        if held != self._held:
            self._order.forget_players()
        self._order.forget_positions()

        # A copy that lost its lease may have fetched entries after this one last worked there, so
        # everything held is worked through now and then.
        self._held, self._unfinished = held, set(held)
        self._renew_at = now + self._lease_seconds / 3
        return True

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
                block_ms=None if self._unfinished else BLOCK_MS,
            )
        except GroupMissing:
            # The server lost its data: begin again at the first entry. The inbox knows what was
            # applied.
            log.warning(
                "consumer groups are missing and are made anew", partitions=sorted(self._held)
            )
            for partition_no in self._held:
                self._ensure_group(partition_no)
            return
        self._unfinished.update(streams[stream] for stream in fed)

    def _work_through(self, partition_no: int) -> int:
        """Deal with everything pending in a partition, oldest first."""
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

        # An early event is tried again once the missing one has come, and now and then.
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
