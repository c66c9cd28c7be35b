"""The differences between two saved versions of a topology or policy document."""

import difflib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rubyops.errors import UsageError
from rubyops.ports import Read
from rubyops.views.documents import Kind
from rubyops.views.view import Item, View
from rubyops.views.wallet import saved_documents

_HEADER_LINES = 2


@dataclass(frozen=True)
class DiffFacts:
    """The lines of a unified diff; no lines for equal versions."""

    diff: tuple[str, ...]


@dataclass(frozen=True)
class DiffView(View):
    """A unified diff of two versions, as JSON with sorted keys; no lines for equal versions."""

    schema = "rubyops.diff/v1"
    name: str
    old: int
    new: int
    lines: tuple[str, ...]

    @property
    def summary(self) -> str:
        """The number of changed lines, in words."""
        if not self.lines:
            return "the two versions are equal"
        changed = sum(text[:1] in "+-" for text in self.lines[_HEADER_LINES:])
        return f"{changed} lines differ"

    @property
    def results(self) -> tuple[Item[DiffFacts]]:
        """One item with the whole diff."""
        name = f"{self.name}/{self.old}/{self.new}"
        title = f"{self.name} v{self.old} to v{self.new}"
        return (Item(name, title, "ok", self.summary, DiffFacts(self.lines)),)


def read_diff(read: Read, kind: Kind, name: str, old: int, new: int) -> DiffView:
    """Compare two saved versions. Raises `UsageError` for an unsaved version, `Unreachable`."""
    saved = _saved(read, kind, name)
    before, after = (_lines(_version(saved, kind, name, version)) for version in (old, new))
    named = f"{name} v{old}", f"{name} v{new}"
    lines = difflib.unified_diff(before, after, *named, lineterm="", n=2)
    return DiffView(name, old, new, tuple(lines))


def _saved(read: Read, kind: Kind, name: str) -> Mapping[int, Any]:
    saved = saved_documents(read, kind, name)
    if saved is None:
        raise UsageError(
            f"no version of {kind} {name!r} is saved here", next_command=f"rubyops {kind} show"
        )
    return saved


def _version(saved: Mapping[int, Any], kind: Kind, name: str, version: int) -> Any:
    if version in saved:
        return saved[version]
    known = ", ".join(f"v{number}" for number in sorted(saved))
    raise UsageError(
        f"{kind} {name} v{version} is not saved here (saved: {known})",
        next_command=f"rubyops {kind} show",
    )


def _lines(document: Any) -> list[str]:
    return json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False).splitlines()
