"""One encoder writes every view as JSON, under the names of its fields."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from rubyops.views.view import ISO_TIME, Item, any_failed, plain, released

NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Amount:
    """Money of one currency, in minor units."""

    amount: int
    currency: str


@dataclass(frozen=True)
class Facts:
    """A view with one field of each type."""

    amounts: tuple[Amount, ...]
    by_name: dict[str, Amount]
    home: Path
    at: datetime
    since: datetime = field(metadata=ISO_TIME)


def test_fields_are_written_under_their_names_at_every_depth() -> None:
    money = Amount(5, "EUR")
    facts = Facts((money,), {"stake": money}, Path("/x"), NOON, NOON)
    assert plain(facts) == {
        "amounts": [{"amount": 5, "currency": "EUR"}],
        "by_name": {"stake": {"amount": 5, "currency": "EUR"}},
        "home": Path("/x"),
        "at": NOON,
        "since": "2026-12-01T12:00:00+00:00",
    }


def test_a_row_without_facts_has_empty_details() -> None:
    row = {"id": "lock", "title": "lock", "status": "noop", "summary": "free", "details": {}}
    assert released(Item("lock", "lock", "noop", "free", None)) == row


def test_a_view_failed_when_one_part_did() -> None:
    good, bad = Item("a", "a", "unknown", "", None), Item("b", "b", "failed", "", None)
    assert any_failed((good,)) == "ok"
    assert any_failed((good, bad)) == "failed"
