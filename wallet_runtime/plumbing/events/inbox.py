"""What a consumer does first with an event: read it strictly, then claim it, so that a redelivery changes nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, TypeVar
from uuid import UUID

import msgspec

from wallet_runtime.plumbing.events.streams import Entry
from wallet_runtime.plumbing.runtime.database import Session

SCHEMA_VERSION_MAX = 1
Shape = TypeVar("Shape")


class MalformedEvent(Exception):
    """The stream entry is not an event; no number of tries will make it one."""


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """An event as its stream carries it; every field is required, the brand above all (RS-9)."""

    event_id: UUID
    event_type: Annotated[str, msgspec.Meta(min_length=1)]
    brand_id: UUID
    player_id: UUID
    player_version: int
    event_no: Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)]
    schema_version: int
    occurred_at: datetime
    restore_epoch: int
    payload: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Delivery:
    """An event with the place in its stream that has to be acknowledged."""

    stream: str
    entry: Entry
    event: Event


def read_event(fields: Mapping[str, str]) -> Event:
    """Type the fields of a stream entry; raise MalformedEvent with the field that is missing or wrong."""
    try:
        event = msgspec.convert(
            {**fields, "payload": msgspec.json.decode(fields.get("payload", "null"))},
            Event,
            strict=False,
        )
    except (msgspec.DecodeError, RecursionError, UnicodeEncodeError) as error:
        raise MalformedEvent(f"the entry is not an event: {error}") from error
    if not 1 <= event.schema_version <= SCHEMA_VERSION_MAX:
        raise MalformedEvent(
            f"schema version {event.schema_version} is not known here; known are 1 to {SCHEMA_VERSION_MAX}"
        )
    return event


def claim(
    session: Session, statement: str, delivery: Delivery, **more: object
) -> Mapping[str, Any]:
    """Insert the event into the consumer's inbox, in the transaction of its effect, and return what the statement says.

    `statement` inserts on conflict do nothing and answers at least `won`: whether this transaction is the one to apply the event.
    """
    event = delivery.event
    return session.one(
        statement,
        event_id=event.event_id,
        event_type=event.event_type,
        brand_id=event.brand_id,
        player_id=event.player_id,
        player_version=event.player_version,
        event_no=event.event_no,
        schema_version=event.schema_version,
        restore_epoch=event.restore_epoch,
        occurred_at=event.occurred_at,
        stream=delivery.stream,
        entry_id=delivery.entry.entry_id,
        **more,
    )


def read_payload(event: Event, shape: type[Shape]) -> Shape:
    """Type an event's payload; amounts are strings of digits there. Raises MalformedEvent."""
    try:
        return msgspec.convert(event.payload, shape, strict=False)
    except msgspec.ValidationError as error:
        raise MalformedEvent(f"the payload of {event.event_type} is not valid: {error}") from error
