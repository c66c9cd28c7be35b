"""The shape of every view: frozen facts for a page, and the rows that a program reads of them.

A field that a program reads has its released JSON key as its name. `plain` writes any view, so no
view writes itself.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import Field, dataclass, fields, is_dataclass
from datetime import datetime
from typing import Any, ClassVar, Generic, TypeVar

from rubyops.model.status import Status

Details_co = TypeVar("Details_co", covariant=True)
_WRITE = "write"
# The metadata of a field that is released as ISO 8601; other times are released as `str` has them.
ISO_TIME: Mapping[str, Callable[[datetime], str]] = {_WRITE: datetime.isoformat}


@dataclass(frozen=True)
class Item(Generic[Details_co]):
    """One part of a view: its status, a sentence for a person, and its facts for a program."""

    id: str
    title: str
    status: Status
    summary: str
    details: Details_co


class View:
    """What one page or one line shows. `schema` names the released shape of its JSON."""

    schema: ClassVar[str]

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


def any_failed(items: Sequence[Item[object]]) -> Status:
    """Judge a view by its parts: it failed when one of them did."""
    return "failed" if any(item.status == "failed" for item in items) else "ok"


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
