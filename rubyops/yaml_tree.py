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
        root = _root(events, faults)
    except _TooDeep:
        return None
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(mark.line + 1, mark.column + 1) if mark else Place(1, 1)
        faults.append(Fault(place, f"this is not YAML: {error.problem or error.context}"))
        return None
    except (YAMLError, ValueError) as error:
        faults.append(Fault(Place(1, 1), f"this is not YAML: {str(error).splitlines()[0]}"))
        return None
    if root is None:
        faults.append(
            Fault(
                Place(1, 1),
                "the file is empty; a playbook needs schema, name, title, kind and steps",
            )
        )
    return root


def _place(event: Any) -> Place:
    return Place(event.start_mark.line + 1, event.start_mark.column + 1)


def _bounded(events: Any, faults: list[Fault]) -> Iterator[Any]:
    depth = 0
    for count, event in enumerate(events):
        if isinstance(event, MappingStartEvent | SequenceStartEvent):
            depth += 1
        elif isinstance(event, MappingEndEvent | SequenceEndEvent):
            depth -= 1
        if depth > DEPTH_MAX or count > NODES_MAX:
            what = (
                f"nested deeper than {DEPTH_MAX} levels"
                if depth > DEPTH_MAX
                else f"more than {NODES_MAX} parts"
            )
            faults.append(Fault(_place(event), f"the document has {what}, which no playbook needs"))
            raise _TooDeep
        yield event


def _root(events: Iterator[Any], faults: list[Fault]) -> Node | None:
    root: Node | None = None
    for event in events:
        if isinstance(event, ScalarEvent | AliasEvent | MappingStartEvent | SequenceStartEvent):
            node = _build(event, events, faults)
            if root is not None:
                faults.append(Fault(node.place, "a second document; a file holds exactly one"))
            elif not (isinstance(event, ScalarEvent) and node.value is None):
                root = node
    return root


def _build(event: Any, events: Iterator[Any], faults: list[Fault]) -> Node:
    place = _place(event)
    if isinstance(event, AliasEvent):
        faults.append(
            Fault(place, f"alias *{event.anchor}: aliases are not allowed, write the value out")
        )
        return Node(None, place)
    if event.anchor:
        faults.append(Fault(place, f"anchor &{event.anchor}: anchors are not allowed"))
    if event.tag:
        faults.append(
            Fault(
                place, f"tag {event.tag}: tags are not allowed, the type comes from the parameter"
            )
        )
    if isinstance(event, ScalarEvent):
        return Node(_scalar(event) if not event.tag else str(event.value), place)
    if isinstance(event, SequenceStartEvent):
        return Node(_sequence(events, faults), place)
    return Node(_mapping(events, faults), place)


def _sequence(events: Iterator[Any], faults: list[Fault]) -> list[Node]:
    nodes = []
    for event in events:
        if isinstance(event, SequenceEndEvent):
            break
        nodes.append(_build(event, events, faults))
    return nodes


def _mapping(events: Iterator[Any], faults: list[Fault]) -> dict[str, tuple[Node, Node]]:
    entries: dict[str, tuple[Node, Node]] = {}
    for event in events:
        if isinstance(event, MappingEndEvent):
            break
        key = _build(event, events, faults)
        value = _build(next(events), events, faults)
        name = event.value if isinstance(event, ScalarEvent) else None
        if name is None:
            faults.append(Fault(key.place, "a key must be a word"))
        elif name == "<<":
            faults.append(
                Fault(key.place, "merge key <<: merge keys are not allowed, write the values out")
            )
        elif name in entries:
            faults.append(
                Fault(
                    key.place,
                    f"key {name!r} stands twice; first on line {entries[name][0].place.line}",
                )
            )
        else:
            entries[name] = (key, value)
    return entries


def _scalar(event: Any) -> Any:
    text = event.value
    if not event.implicit[0]:
        return text
    if text in _NOTHING:
        return None
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text) and len(text) <= 19:
        # YAML parsers disagree whether a leading zero means octal, so such a number stays text.
        return text if re.match(r"[-+]?0[0-9]", text) else int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    return text
