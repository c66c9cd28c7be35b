"""Reading an event: every field is required and has a type, above all the brand (RS-9)."""

from uuid import UUID

import pytest
from msgspec import Struct

from wallet_runtime.plumbing.events.envelope import MalformedEvent, read_event, read_payload

FIELDS = {
    "event_id": "0f8fad5b-d9cb-469f-a165-70867728950e",
    "event_type": "BET_SETTLED_CONFIRMED",
    "brand_id": "11111111-1111-4111-8111-111111111111",
    "player_id": "22222222-2222-4222-8222-222222222222",
    "player_version": "7",
    "event_no": "3",
    "schema_version": "1",
    "occurred_at": "2026-01-02T03:04:05.000006Z",
    "restore_epoch": "0",
    "payload": '{"amount": "12"}',
}


class Payload(Struct):
    """A payload with an amount."""

    amount: int


def test_a_complete_entry_is_typed() -> None:
    event = read_event(FIELDS)
    assert (event.brand_id, event.player_version, event.occurred_at.microsecond) == (
        UUID(FIELDS["brand_id"]),
        7,
        6,
    )
    assert read_payload(event, Payload).amount == 12


@pytest.mark.parametrize("missing", sorted(FIELDS))
def test_an_entry_without_a_field_is_no_event(missing: str) -> None:
    with pytest.raises(MalformedEvent):
        read_event({name: value for name, value in FIELDS.items() if name != missing})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("brand_id", ""),
        ("event_id", "7"),
        ("event_type", ""),
        ("player_version", "seven"),
        ("event_no", "0"),
        ("event_no", str(2**63)),
        ("occurred_at", "yesterday"),
        ("payload", "{"),
        ("payload", "[]"),
        ("payload", "{} {}"),
        ("payload", '{"a":' * 100_000),
        ("payload", '{"amount": "\udcff"}'),
        ("brand_id", "\udcff"),
        ("schema_version", "2"),
        ("schema_version", "0"),
    ],
)
def test_a_wrong_value_is_no_event(name: str, value: str) -> None:
    with pytest.raises(MalformedEvent):
        read_event({**FIELDS, name: value})


@pytest.mark.parametrize("payload", ["[]", "null"])
def test_a_payload_that_is_no_object_is_named(payload: str) -> None:
    with pytest.raises(MalformedEvent, match=r"Expected `object`.* at `\$\.payload`"):
        read_event({**FIELDS, "payload": payload})


@pytest.mark.parametrize("amount", ['"1.5"', '"NaN"', "1.5", "null", '"x"'])
def test_an_amount_that_is_not_a_whole_number_is_refused(amount: str) -> None:
    with pytest.raises(MalformedEvent, match="BET_SETTLED_CONFIRMED"):
        read_payload(read_event({**FIELDS, "payload": f'{{"amount": {amount}}}'}), Payload)
