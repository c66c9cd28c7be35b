"""The envelope of an event in its stream: its fields as text, read strictly, hashed for proof."""

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
    """The stream entry is not an event; no number of tries will make it one."""


class StreamEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event as its stream carries it. Every field is required, the brand above all (RS-9)."""

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
        """Return the brand and the player in whose order the event stands."""
        return self.brand_id, self.player_id


class _Payload(msgspec.Struct):
    """The form of every payload, so that an error names the field."""

    payload: Mapping[str, object]


def read_event(fields: Mapping[str, str]) -> StreamEvent:
    """Type the fields of a stream entry.

    Raises MalformedEvent with the field that is missing or wrong.
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
    """Type an event's payload; amounts are strings of digits there. Raises MalformedEvent."""
    try:
        return msgspec.json.decode(event.payload, type=shape, strict=False)
    except msgspec.ValidationError as error:
        raise MalformedEvent(f"the payload of {event.event_type} is not valid: {error}") from error


def content_hash(fields: Mapping[str, str]) -> str:
    """Hash an entry's content, as `known_events` of its publisher hashes the outbox row."""
    content = "\n".join(fields.get(name, "") for name in FIELDS)
    return sha256(content.encode("utf-8", "surrogateescape")).hexdigest()
