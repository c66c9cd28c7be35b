"""Reads the parts of one document and keeps every fault, so that a person mends a file once."""

from collections.abc import Mapping, Sequence
from typing import Any

from rubyops.engine.playbook.names import suggest
from rubyops.yaml_tree import Fault, Node, Place

_KINDS: dict[type, str] = {
    dict: "a mapping",
    list: "a list",
    str: "text",
    bool: "a boolean",
    int: "an integer",
    float: "a number",
    type(None): "nothing",
}


def kind_of(node: Node) -> str:
    """Name the kind of a value."""
    return _KINDS[type(node.value)]


def part(node: Node, key: str) -> Node | None:
    """Return the value of a key, or None where the key is not there."""
    return node.value[key][1] if key in node.value else None


class Document:
    """The faults of one document."""

    def __init__(self) -> None:
        """Have found none."""
        self.faults: list[Fault] = []

    def fault(self, place: Place, message: str) -> None:
        """Keep a fault."""
        self.faults.append(Fault(place, message))

    def mapping(self, node: Node, what: str, allowed: Sequence[str]) -> Mapping[str, Any] | None:
        """Return the keys of a mapping with their values, or None."""
        if isinstance(node.value, dict):
            return node.value
        listed = f"(allowed keys: {', '.join(allowed)})"
        self.fault(node.place, f"{what} is a mapping {listed}, found {kind_of(node)}")
        return None

    def keys(self, node: Node, allowed: Sequence[str], *, required: Sequence[str] = ()) -> None:
        """Find keys that are not known and keys that are missing."""
        for key, (at, _) in node.value.items():
            if key not in allowed:
                listed = f"{suggest(key, allowed)} (allowed: {', '.join(allowed)})"
                self.fault(at.place, f"unknown key {key!r}{listed}")
        for key in required:
            if key not in node.value:
                self.fault(node.place, f"key {key!r} is missing")

    def word(self, node: Node, key: str, *, allowed: Sequence[str] = ()) -> str | None:
        """Return the text of a key, or None where there is none that is allowed."""
        found = part(node, key)
        if found is None:
            return None
        if not isinstance(found.value, str) or not found.value:
            self.fault(found.place, f"{key} must be text, found {kind_of(found)} {found.plain()!r}")
            return None
        if allowed and found.value not in allowed:
            listed = f"{suggest(found.value, allowed)} (allowed: {', '.join(allowed)})"
            self.fault(found.place, f"{key} {found.value!r} is not known{listed}")
            return None
        return found.value
