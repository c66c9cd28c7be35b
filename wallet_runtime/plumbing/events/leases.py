"""Leases of partitions: which copy of a consumer works on which partition."""

from collections.abc import Sequence
from dataclasses import dataclass

from wallet_runtime.plumbing.events.subscription import Subscription
from wallet_runtime.plumbing.runtime.database import Database, DatabaseSession, Row


class LeaseLost(Exception):
    """Another copy of the process has the lease of the partition, and applies its events."""


@dataclass(frozen=True, slots=True)
class PartitionLease:
    """The lease of a partition, which is valid while the partition's row names `holder`."""

    partition_no: int
    holder: str


class PartitionLeases:
    """The leases of one copy: at most the partitions divided by the live copies, rounded up."""

    def __init__(
        self, subscription: Subscription, database: Database, holder: str, seconds: float
    ) -> None:
        """Store the dependencies; `holder` names this copy and is new at each start."""
        self._subscription = subscription
        self._database = database
        self._holder = holder
        self._seconds = seconds

    def lease(self, partition_no: int) -> PartitionLease:
        """Return this copy's lease of a partition; each claim checks the lease in the database."""
        return PartitionLease(partition_no, self._holder)

    def renew(self) -> set[int]:
        """Write a heartbeat and renew the leases; return the partitions that this copy holds now.

        The copy also takes free partitions up to its share, and releases partitions above it.
        """
        with self._database.transaction() as session:
            share = -(-self._subscription.partitions // self._beat(session))
            held = self._prolong(session)
            if len(held) > share:
                held -= self._release(session, sorted(held)[share:])
            elif len(held) < share:
                held |= self._take(session, share - len(held))
        return held

    def leave(self) -> None:
        """Release all partitions, so that other copies can take them at once."""
        with self._database.session() as session:
            session.run(self._subscription.statement("consumer_leave"), holder=self._holder)

    def _beat(self, session: DatabaseSession) -> int:
        live: int = session.one(
            self._subscription.statement("consumer_beat"),
            holder=self._holder,
            lease_seconds=self._seconds,
        )["live"]
        return live

    def _prolong(self, session: DatabaseSession) -> set[int]:
        return _partitions(
            session.all(
                self._subscription.statement("lease_renew"),
                holder=self._holder,
                lease_seconds=self._seconds,
            )
        )

    def _take(self, session: DatabaseSession, limit: int) -> set[int]:
        return _partitions(
            session.all(
                self._subscription.statement("lease_take"),
                holder=self._holder,
                lease_seconds=self._seconds,
                limit=limit,
            )
        )

    def _release(self, session: DatabaseSession, surplus: list[int]) -> set[int]:
        session.run(
            self._subscription.statement("lease_release"), holder=self._holder, partitions=surplus
        )
        return set(surplus)


def _partitions(rows: Sequence[Row]) -> set[int]:
    return {row["partition_no"] for row in rows}
