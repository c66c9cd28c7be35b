"""The fields of an event in a stream entry: how they are parsed, and how they are hashed."""

from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from typing import Annotated, TypeVar
from uuid import UUID

import msgspec

SCHEMA_VERSION_MAX = 1
FIELDS = (
    "event_id",
    "event_type",
    "brand_id",
    "player_id",
    "player_version",
    "event_no",
    "schema_version",
    "occurred_at",
    "restore_epoch",
    "payload",
)
Shape = TypeVar("Shape")


class MalformedEvent(Exception):
    """The stream entry is not a valid event, so it is not retried."""


class StreamEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event as parsed from its stream entry. Every field is required (RS-9)."""

    event_id: UUID
    event_type: Annotated[str, msgspec.Meta(min_length=1)]
    brand_id: UUID
    player_id: UUID
    player_version: int
    event_no: Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)]
    schema_version: int
    occurred_at: datetime
    restore_epoch: int
    payload: msgspec.Raw

    @property
    def owner(self) -> tuple[UUID, UUID]:
        """Return the brand and player of the event; the events of a player are applied in order."""
        return self.brand_id, self.player_id


class _Payload(msgspec.Struct):
    """Any payload. Parsing it as a field makes the error message name that field."""

    payload: Mapping[str, object]


def read_event(fields: Mapping[str, str]) -> StreamEvent:
    """Parse the fields of a stream entry.

    Raises MalformedEvent, which names the missing or invalid field.
    """
    payload = fields.get("payload", "null")
    try:
        msgspec.convert({"payload": msgspec.json.decode(payload)}, _Payload)
        typed = {**fields, "payload": msgspec.Raw(payload)}
        event = msgspec.convert(typed, StreamEvent, strict=False)
    except (msgspec.DecodeError, RecursionError, UnicodeEncodeError) as error:
        raise MalformedEvent(f"the entry is not an event: {error}") from error

    if not 1 <= event.schema_version <= SCHEMA_VERSION_MAX:
        raise MalformedEvent(
            f"schema version {event.schema_version} is not known here; "
            f"known are 1 to {SCHEMA_VERSION_MAX}"
        )
    return event


def read_payload(event: StreamEvent, shape: type[Shape]) -> Shape:
    """Parse an event's payload, in which amounts are strings of digits. Raises MalformedEvent."""
    try:
        return msgspec.json.decode(event.payload, type=shape, strict=False)
    except msgspec.ValidationError as error:
        raise MalformedEvent(f"the payload of {event.event_type} is not valid: {error}") from error


def content_hash(fields: Mapping[str, str]) -> str:
    """Hash an entry's content in the way `known_events` of the publisher hashes an outbox row."""
    content = "\n".join(fields.get(name, "") for name in FIELDS)
    return sha256(content.encode("utf-8", "surrogateescape")).hexdigest()
