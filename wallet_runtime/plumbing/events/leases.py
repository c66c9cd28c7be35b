"""Leases of partitions: which copy of a consumer works on which, as long as the row names it."""

from collections.abc import Sequence
from dataclasses import dataclass

from wallet_runtime.plumbing.events.subscription import Subscription
from wallet_runtime.plumbing.runtime.database import Database, DatabaseSession, Row


class LeaseLost(Exception):
    """Another copy consumes the partition now; what is left of it is the other's to apply."""


@dataclass(frozen=True, slots=True)
class PartitionLease:
    """A partition that this copy consumes, as long as the row still names it."""

    partition_no: int
    holder: str


class PartitionLeases:
    """The partitions of one copy: a fair share, no more than partitions divided by live copies."""

    def __init__(
        self, subscription: Subscription, database: Database, holder: str, seconds: float
    ) -> None:
        """Take what a renewal needs; `holder` is unique to this start of this copy."""
        self._subscription = subscription
        self._database = database
        self._holder = holder
        self._seconds = seconds

    def lease(self, partition_no: int) -> PartitionLease:
        """Name this copy's lease of a partition, which every claim proves."""
        return PartitionLease(partition_no, self._holder)

    def renew(self) -> set[int]:
        """Say that this copy lives and prolong its leases; return the partitions it holds now."""
        with self._database.transaction() as session:
            share = -(-self._subscription.partitions // self._beat(session))
            held = self._prolong(session)
            if len(held) > share:
                held -= self._release(session, sorted(held)[share:])
            elif len(held) < share:
                held |= self._take(session, share - len(held))
        return held

    def leave(self) -> None:
        """Free everything this copy holds, so that another need not wait for a lease to expire."""
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
