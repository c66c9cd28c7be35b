"""The base of every view: frozen facts for a page, with items for a program.

A field that programs read is named like its released JSON key. `plain` turns any view into JSON
values, so no view has code for that.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import Field, dataclass, fields, is_dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from rubyops.model.status import Status
from rubyops.ports import Row

Details_co = TypeVar("Details_co", covariant=True)
_WRITE = "write"
# Metadata of time fields that are written as ISO 8601, in full or without fraction and zone. Other
# times are written as `str(time)`.
ISO_TIME: Mapping[str, Callable[[datetime], str]] = {_WRITE: datetime.isoformat}
TO_THE_SECOND: Mapping[str, Callable[[datetime], str]] = {_WRITE: "{:%Y-%m-%dT%H:%M:%S}".format}


@dataclass(frozen=True)
class Item(Generic[Details_co]):
    """One part of a view: its status, a sentence for a person, and details for a program."""

    id: str
    title: str
    status: Status
    summary: str
    details: Details_co


class View:
    """Everything that one page or one command shows."""

    @property
    def schema(self) -> str:
        """The released name of the JSON shape; most views have a constant."""
        raise NotImplementedError

    @property
    def results(self) -> Sequence[Item[object]]:
        """The items of the view, in their released order."""
        raise NotImplementedError

    @property
    def beside(self) -> Mapping[str, object]:
        """Facts about the whole view, written to JSON next to `results`."""
        return {}

    @property
    def verdict(self) -> Status:
        """The judgement of the whole view; `ok` for a view that only shows facts."""
        return "ok"


@dataclass(frozen=True)
class Rows(View):
    """A view that has only items; `of_schema` is its schema name."""

    of_schema: str
    items: tuple[Item[object], ...]

    @property
    def schema(self) -> str:
        """The schema name that the caller gave."""
        return self.of_schema

    @property
    def results(self) -> tuple[Item[object], ...]:
        """The items."""
        return self.items

    @property
    def verdict(self) -> Status:
        """`failed` when one item has failed."""
        return any_failed(self.items)


def any_failed(items: Sequence[Item[object]]) -> Status:
    """Return `failed` when one item has failed, else `ok`."""
    return "failed" if any(item.status == "failed" for item in items) else "ok"


def total_of(rows: Sequence[Row]) -> int:
    """Return the count of all rows, which each row of a limited query carries as `total`."""
    return int(rows[0]["total"]) if rows else 0


def plain(value: object) -> Any:
    """Turn dataclasses into dicts by field name, and tuples into lists; keep other values."""
    if is_dataclass(value) and not isinstance(value, type):
        return {part.name: _write(part)(getattr(value, part.name)) for part in fields(value)}
    if isinstance(value, Mapping):
        return {name: plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    return value


def released(item: Item[object]) -> dict[str, Any]:
    """Return the JSON row of an item; an item without details has empty details."""
    row: dict[str, Any] = plain(item)
    return row | {"details": row["details"] or {}}


def _write(part: Field[Any]) -> Callable[[Any], object]:
    found: Callable[[Any], object] = part.metadata.get(_WRITE, plain)
    return found
