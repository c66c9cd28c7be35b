"""Reads the parts of a YAML document and collects all faults, so that they can be fixed at once."""

from collections.abc import Mapping, Sequence
from typing import Any

from rubyops.engine.playbook.names import suggest_of
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
    """Return the kind of a value in words, such as `a list`."""
    return _KINDS[type(node.value)]


def part(node: Node, key: str) -> Node | None:
    """Return the value of a key, or None if the key is missing."""
    return node.value[key][1] if key in node.value else None


class Document:
    """Collects the faults of one document."""

    def __init__(self) -> None:
        """Start without faults."""
        self.faults: list[Fault] = []

    def fault(self, place: Place, message: str) -> None:
        """Add a fault."""
        self.faults.append(Fault(place, message))

    def mapping(self, node: Node, what: str, allowed: Sequence[str]) -> Mapping[str, Any] | None:
        """Return the node's mapping, or None and add a fault if the node is no mapping."""
        if isinstance(node.value, dict):
            return node.value
        listed = f"(allowed keys: {', '.join(allowed)})"
        self.fault(node.place, f"{what} is a mapping {listed}, found {kind_of(node)}")
        return None

    def keys(self, node: Node, allowed: Sequence[str], *, required: Sequence[str] = ()) -> None:
        """Add a fault for each unknown key and each missing key."""
        for key, (at, _) in node.value.items():
            if key not in allowed:
                self.fault(at.place, f"unknown key {key!r}{suggest_of(key, allowed)}")
        self._find_missing(node, required)

    def _find_missing(self, node: Node, required: Sequence[str]) -> None:
        for key in required:
            if key not in node.value:
                self.fault(node.place, f"key {key!r} is missing")

    def word(self, node: Node, key: str, *, allowed: Sequence[str] = ()) -> str | None:
        """Return the text of a key, or None; text that is not allowed is a fault."""
        found = part(node, key)
        if found is None or not self._is_text(found, key):
            return None
        text: str = found.value
        return text if self._is_allowed(found, key, allowed) else None

    def _is_text(self, node: Node, key: str) -> bool:
        if isinstance(node.value, str) and node.value:
            return True
        self.fault(node.place, f"{key} must be text, found {kind_of(node)} {node.plain()!r}")
        return False

    def _is_allowed(self, node: Node, key: str, allowed: Sequence[str]) -> bool:
        if not allowed or node.value in allowed:
            return True
        listed = suggest_of(node.value, allowed)
        self.fault(node.place, f"{key} {node.value!r} is not known{listed}")
        return False
