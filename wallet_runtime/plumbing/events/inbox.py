"""A consumer's inbox: the lease holder claims each event once, in the order of its player."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypedDict
from uuid import UUID

from wallet_runtime.plumbing.events.envelope import MalformedEvent, StreamEvent, content_hash
from wallet_runtime.plumbing.events.leases import LeaseLost, PartitionLease
from wallet_runtime.plumbing.events.streams import StreamEntry
from wallet_runtime.plumbing.events.subscription import Subscription
from wallet_runtime.plumbing.runtime.database import DatabaseSession, json
from wallet_runtime.plumbing.runtime.identifiers import parse_uuid

ERROR_LENGTH_MAX = 500


class ClaimColumns(TypedDict):
    """The parameters of `claim` and `claim_replay` that come from an event and its entry."""

    event_id: UUID
    event_type: str
    brand_id: UUID
    player_id: UUID
    player_version: int
    event_no: int
    schema_version: int
    restore_epoch: int
    occurred_at: datetime
    stream: str
    entry_id: str


@dataclass(frozen=True, slots=True)
class ReceivedEvent:
    """An event with the stream and the entry to acknowledge."""

    stream: str
    entry: StreamEntry
    event: StreamEvent

    def columns(self) -> ClaimColumns:
        """Return the columns that a claim stores."""
        event = self.event
        return ClaimColumns(
            event_id=event.event_id,
            event_type=event.event_type,
            brand_id=event.brand_id,
            player_id=event.player_id,
            player_version=event.player_version,
            event_no=event.event_no,
            schema_version=event.schema_version,
            restore_epoch=event.restore_epoch,
            occurred_at=event.occurred_at,
            stream=self.stream,
            entry_id=self.entry.entry_id,
        )


@dataclass(frozen=True, slots=True)
class Claimed:
    """The result of a claim.

    `won` says that the caller may apply the event now. `blocked` says that a dead letter of the
    player comes before it. `position` is the number up to which the player's events were applied
    before the claim.
    """

    position: int
    blocked: bool
    won: bool


class Inbox:
    """The claims of one consumer."""

    def __init__(self, subscription: Subscription) -> None:
        """Store the consumer's subscription."""
        self._subscription = subscription

    def claim(
        self, session: DatabaseSession, lease: PartitionLease, received: ReceivedEvent
    ) -> Claimed:
        """Claim an event in the transaction of its effect. Raises LeaseLost."""
        row = session.one(
            self._subscription.statement("claim"),
            partition_no=lease.partition_no,
            holder=lease.holder,
            **received.columns(),
        )
        if not row["leased"]:
            raise LeaseLost
        return Claimed(row["position"], row["blocked"], row["won"])

    def known(
        self, session: DatabaseSession, partition_no: int, entries: Sequence[StreamEntry]
    ) -> set[str]:
        """Return the content hashes of the entries that the publisher's outbox has.

        Any other entry may be forged, because a Redis client can write arbitrary entries.
        """
        asked = [
            {"event_id": str(event_id), "partition_no": partition_no, "hash": content_hash(fields)}
            for event_id, fields in _named(entries)
        ]
        if not asked:
            return set()
        rows = session.all(self._subscription.statement("known_events"), events=json(asked))
        return {row["hash"] for row in rows}

    def count_failure(self, session: DatabaseSession, event: StreamEvent, error: str) -> int:
        """Count a failed try of an event; return how many there were."""
        tries: int = session.one(
            self._subscription.statement("event_failed"),
            event_id=event.event_id,
            brand_id=event.brand_id,
            player_id=event.player_id,
            error=error[:ERROR_LENGTH_MAX],
        )["tries"]
        return tries


def refuse_unknown(entry: StreamEntry, known: set[str]) -> None:
    """Raise MalformedEvent for an entry that the publisher's outbox does not have."""
    fields = entry.fields or {}
    if content_hash(fields) not in known:
        raise MalformedEvent(
            f"the wallet's outbox has no event {fields.get('event_id', '')[:36]} with this content"
        )


def _named(entries: Sequence[StreamEntry]) -> list[tuple[Any, Mapping[str, str]]]:
    """Return the entries with a valid event id, each as this id and the entry's fields."""
    found = [
        (parse_uuid(entry.fields.get("event_id", "")), entry.fields)
        for entry in entries
        if entry.fields is not None
    ]
    return [(event_id, fields) for event_id, fields in found if event_id is not None]
