"""Reads YAML 1.2 into values with their line and column in the file.

Aliases, anchors, tags and merge keys are refused, because they hide the real content from a human
reader. The module uses the parser's events, in which these are visible, and limits the depth before
it recurses. It collects all faults, so that a user can fix them at once.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

DEPTH_MAX = 16
NODES_MAX = 20_000
EMPTY = "the file is empty; a playbook needs schema, name, title, kind and steps"
NODE_EVENTS = (ScalarEvent, AliasEvent, MappingStartEvent, SequenceStartEvent)
_INTEGER = re.compile(r"[-+]?[0-9]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_WORDS: dict[str, bool | None] = {
    "true": True,
    "True": True,
    "TRUE": True,
    "false": False,
    "False": False,
    "FALSE": False,
}
_NOTHING = ("", "~", "null", "Null", "NULL")


@dataclass(frozen=True)
class Place:
    """A line and a column of a file, both counted from 1."""

    line: int
    column: int


@dataclass(frozen=True)
class Fault:
    """A fault in a document: its place, and a message with the value found and the allowed ones."""

    place: Place
    message: str

    def located(self, source: str) -> str:
        """Return the message after the name of its file, the line and the column."""
        return f"{source}:{self.place.line}:{self.place.column}: {self.message}"


@dataclass(frozen=True)
class Node:
    """A value and its place in the file.

    `value` is a scalar, a list of nodes, or a dict from each key to a pair: key node, value node.
    """

    value: Any
    place: Place

    def plain(self) -> Any:
        """Return the value without places."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, (_, node) in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value


def in_order(faults: Iterable[Fault]) -> list[Fault]:
    """Sort faults by their place in the file."""
    return sorted(faults, key=lambda fault: (fault.place.line, fault.place.column))


class _TooDeep(Exception):
    pass


def read_tree(text: str, faults: list[Fault]) -> Node | None:
    """Return the root of the document, or None if the text is not valid YAML.

    Every fault is added to `faults`.
    """
    try:
        events = _bounded(YAML(typ="safe", pure=True).parse(text), faults)
        root = _Builder(events, faults).root()
    except _TooDeep:
        return None
    except (YAMLError, ValueError) as error:
        faults.append(_not_yaml(error))
        return None
    if root is None:
        faults.append(Fault(Place(1, 1), EMPTY))
    return root


def _not_yaml(error: Exception) -> Fault:
    if not isinstance(error, MarkedYAMLError):
        return Fault(Place(1, 1), f"this is not YAML: {str(error).splitlines()[0]}")
    mark = error.problem_mark or error.context_mark
    place = _at(mark) if mark else Place(1, 1)
    return Fault(place, f"this is not YAML: {error.problem or error.context}")


def _at(mark: Any) -> Place:
    return Place(mark.line + 1, mark.column + 1)


def _place(event: Any) -> Place:
    return _at(event.start_mark)


def _bounded(events: Any, faults: list[Fault]) -> Iterator[Any]:
    """Yield the events; raise `_TooDeep` if there are too many or they are nested too deep."""
    depth = 0
    for count, event in enumerate(events):
        depth += _deeper_by(event)
        excess = _excess(depth, count)
        if excess:
            faults.append(
                Fault(_place(event), f"the document has {excess}, which no playbook needs")
            )
            raise _TooDeep
        yield event


def _deeper_by(event: Any) -> int:
    starts = isinstance(event, MappingStartEvent | SequenceStartEvent)
    return int(starts) - int(isinstance(event, MappingEndEvent | SequenceEndEvent))


def _excess(depth: int, count: int) -> str:
    if depth > DEPTH_MAX:
        return f"nested deeper than {DEPTH_MAX} levels"
    return f"more than {NODES_MAX} parts" if count > NODES_MAX else ""


class _Builder:
    """Builds nodes from the parser's events, and collects faults."""

    def __init__(self, events: Iterator[Any], faults: list[Fault]) -> None:
        self._events = events
        self._faults = faults

    def root(self) -> Node | None:
        root: Node | None = None
        for event in self._events:
            if not isinstance(event, NODE_EVENTS):
                continue
            node = self._node(event)
            if root is not None:
                self._fault(event, "a second document; a file holds exactly one")
            elif not (isinstance(event, ScalarEvent) and node.value is None):
                root = node
        return root

    def _fault(self, event: Any, message: str) -> None:
        self._faults.append(Fault(_place(event), message))

    def _node(self, event: Any) -> Node:
        self._find_forbidden(event)
        return Node(self._value(event), _place(event))

    def _find_forbidden(self, event: Any) -> None:
        if isinstance(event, AliasEvent):
            words = "aliases are not allowed, write the value out"
            self._fault(event, f"alias *{event.anchor}: {words}")
            return
        if event.anchor:
            self._fault(event, f"anchor &{event.anchor}: anchors are not allowed")
        if event.tag:
            words = "tags are not allowed, the type comes from the parameter"
            self._fault(event, f"tag {event.tag}: {words}")

    def _value(self, event: Any) -> Any:
        if isinstance(event, AliasEvent):
            return None
        if isinstance(event, ScalarEvent):
            return str(event.value) if event.tag else _scalar(event)
        return self._sequence() if isinstance(event, SequenceStartEvent) else self._mapping()

    def _sequence(self) -> list[Node]:
        return [self._node(event) for event in self._until(SequenceEndEvent)]

    def _mapping(self) -> dict[str, tuple[Node, Node]]:
        entries: dict[str, tuple[Node, Node]] = {}
        for event in self._until(MappingEndEvent):
            key, value = self._node(event), self._node(next(self._events))
            trouble = _trouble_of_key(event, entries)
            if trouble:
                self._fault(event, trouble)
            else:
                entries[event.value] = (key, value)
        return entries

    def _until(self, end: type) -> Iterator[Any]:
        """Yield the events before the `end` event of a sequence or mapping."""
        for event in self._events:
            if isinstance(event, end):
                return
            yield event


def _trouble_of_key(event: Any, entries: dict[str, tuple[Node, Node]]) -> str:
    if not isinstance(event, ScalarEvent) or event.value is None:
        return "a key must be a word"
    if event.value == "<<":
        return "merge key <<: merge keys are not allowed, write the values out"
    if event.value in entries:
        first = entries[event.value][0].place.line
        return f"key {event.value!r} stands twice; first on line {first}"
    return ""


def _scalar(event: Any) -> Any:
    text = event.value
    if not event.implicit[0]:
        return text
    if text in _NOTHING:
        return None
    if text in _WORDS:
        return _WORDS[text]
    return _number(text)


def _number(text: str) -> int | float | str:
    if _INTEGER.fullmatch(text) and len(text) <= 19:
        # YAML parsers disagree whether a leading zero means octal, so such a number stays text.
        return text if re.match(r"[-+]?0[0-9]", text) else int(text)
    return float(text) if _FLOAT.fullmatch(text) else text
