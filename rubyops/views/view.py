"""The shape of every view: frozen facts for a page, and the rows that a program reads of them.

A field that a program reads has its released JSON key as its name. `plain` writes any view, so no
view writes itself.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import Field, dataclass, fields, is_dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from rubyops.model.status import Status
from rubyops.ports import Row

Details_co = TypeVar("Details_co", covariant=True)
_WRITE = "write"
# Metadata of fields that are released as ISO 8601, in full or without fraction and zone. Other
# times are released as `str` has them.
ISO_TIME: Mapping[str, Callable[[datetime], str]] = {_WRITE: datetime.isoformat}
TO_THE_SECOND: Mapping[str, Callable[[datetime], str]] = {_WRITE: "{:%Y-%m-%dT%H:%M:%S}".format}


@dataclass(frozen=True)
class Item(Generic[Details_co]):
    """One part of a view: its status, a sentence for a person, and its facts for a program."""

    id: str
    title: str
    status: Status
    summary: str
    details: Details_co


class View:
    """Everything that one page or one line shows."""

    @property
    def schema(self) -> str:
        """The name of the released shape; most views have one for all."""
        raise NotImplementedError

    @property
    def results(self) -> Sequence[Item[object]]:
        """The parts of the view, in their released order."""
        raise NotImplementedError

    @property
    def beside(self) -> Mapping[str, object]:
        """Facts of the whole view, which a program reads beside `results`."""
        return {}

    @property
    def verdict(self) -> Status:
        """How the view as a whole is judged: `ok` where it only tells facts."""
        return "ok"


@dataclass(frozen=True)
class Rows(View):
    """A view that is its rows and nothing else, under the schema of its line."""

    of_schema: str
    items: tuple[Item[object], ...]

    @property
    def schema(self) -> str:
        """The schema of the line."""
        return self.of_schema

    @property
    def results(self) -> tuple[Item[object], ...]:
        """The rows."""
        return self.items

    @property
    def verdict(self) -> Status:
        """Failed when one row did."""
        return any_failed(self.items)


def any_failed(items: Sequence[Item[object]]) -> Status:
    """Judge a view by its parts: it failed when one of them did."""
    return "failed" if any(item.status == "failed" for item in items) else "ok"


def total_of(rows: Sequence[Row]) -> int:
    """Return how many rows there are in all, as each row of a limited query tells."""
    return int(rows[0]["total"]) if rows else 0


def plain(value: object) -> Any:
    """Turn dataclasses into dicts by their field names, tuples into lists; leave other values."""
    if is_dataclass(value) and not isinstance(value, type):
        return {part.name: _write(part)(getattr(value, part.name)) for part in fields(value)}
    if isinstance(value, Mapping):
        return {name: plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    return value


def released(item: Item[object]) -> dict[str, Any]:
    """Return one row of `results`; a part without facts has empty details."""
    row: dict[str, Any] = plain(item)
    return row | {"details": row["details"] or {}}


def _write(part: Field[Any]) -> Callable[[Any], object]:
    found: Callable[[Any], object] = part.metadata.get(_WRITE, plain)
    return found
