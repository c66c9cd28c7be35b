"""The parameters that a playbook declares; their values replace each `${name}` in its steps."""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from rubyops.engine.playbook.document import Document, kind_of, part
from rubyops.engine.playbook.names import suggest
from rubyops.yaml_tree import Node, Place

PARAMETER_KEYS = ("type", "default", "allowed", "help")
PARAMETER_TYPES: dict[str, type] = {"string": str, "integer": int, "boolean": bool}
_REFERENCE = re.compile(r"\$\{([^}]*)\}")


class Parameters:
    """The declared parameters and their values; `given` holds values from the command line."""

    def __init__(self, document: Document, root: Node, given: Mapping[str, str]) -> None:
        """Read every declaration."""
        self.values: dict[str, Any] = {}
        self._document = document
        self._places: dict[str, Place] = {}
        self._used: set[str] = set()
        self._unusable: set[str] = set()
        for name, (at, node) in self._declared(root).items():
            self._places[name] = at.place
            faults = len(document.faults)
            self.values[name] = self._value(name, node, given.get(name))
            if len(document.faults) > faults:
                self._unusable.add(name)
        self._find_undeclared(root, given)

    def find_unused(self) -> None:
        """Add a fault for each declared parameter that no step uses."""
        for name in self.values:
            if name not in self._used:
                words = f"parameter {name!r} is declared but never used as ${{{name}}}"
                self._document.fault(self._places[name], words)

    def is_unusable(self, node: Node) -> bool:
        """Whether the node refers to a parameter whose own declaration has a fault."""
        return bool(self._unusable.intersection(_REFERENCE.findall(str(node.plain()))))

    def fill(self, node: Node) -> Node:
        """Return the node with every `${name}` replaced by the parameter's value."""
        value = node.value
        if isinstance(value, dict):
            filled = {key: (at, self.fill(inner)) for key, (at, inner) in value.items()}
            return Node(filled, node.place)
        if isinstance(value, list):
            return Node([self.fill(inner) for inner in value], node.place)
        return Node(self._substitute(node), node.place) if isinstance(value, str) else node

    def _substitute(self, node: Node) -> Any:
        """Replace the references in one text; a text of one reference gets the parameter's type."""
        for name in _REFERENCE.findall(node.value):
            self._used.add(name)
            if name not in self.values:
                self._fault_undeclared(name, node.place)
                return node.value
        whole = _REFERENCE.fullmatch(node.value)
        if whole:
            return self.values[whole[1]]
        return _REFERENCE.sub(lambda match: str(self.values[match[1]]), node.value)

    def _fault_undeclared(self, name: str, place: Place) -> None:
        known = list(self.values)
        listed = f"{suggest(name, known)} (declared: {', '.join(known) or 'none'})"
        self._document.fault(place, f"${{{name}}} is not a declared parameter{listed}")

    def _declared(self, root: Node) -> Mapping[str, tuple[Node, Node]]:
        node = part(root, "parameters")
        if node is None:
            return {}
        if not isinstance(node.value, dict):
            words = f"parameters is a mapping of names, found {kind_of(node)}"
            self._document.fault(node.place, words)
            return {}
        return node.value

    def _find_undeclared(self, root: Node, given: Mapping[str, str]) -> None:
        known = list(self.values)
        for name in given:
            if name not in self.values:
                listed = f"{suggest(name, known)} (declared: {', '.join(known) or 'none'})"
                self._document.fault(root.place, f"parameter {name!r} was given{listed}")

    def _value(self, name: str, node: Node, given: str | None) -> Any:
        document = self._document
        if document.mapping(node, f"parameter {name!r}", PARAMETER_KEYS) is None:
            return None
        document.keys(node, PARAMETER_KEYS, required=("type",))
        kind = document.word(node, "type", allowed=tuple(PARAMETER_TYPES))
        if kind is None:
            return None
        default = part(node, "default")
        if given is None and default is None:
            words = f"parameter {name!r} has no default and no value was given (--set {name}=...)"
            document.fault(node.place, words)
            return None
        return self._typed(name, node, kind, given, default)

    def _typed(
        self, name: str, node: Node, kind: str, given: str | None, default: Node | None
    ) -> Any:
        """Convert the value to its type. Text from the command line is parsed, a default is not."""
        found = default.plain() if default is not None and given is None else given
        place = default.place if default is not None and given is None else node.place
        try:
            value: Any = msgspec.convert(found, PARAMETER_TYPES[kind], strict=given is None)
        except msgspec.ValidationError:
            words = f"parameter {name!r} must be of type {kind}, found {found!r}"
            self._document.fault(place, words)
            return None
        return self._admitted(name, value, node)

    def _admitted(self, name: str, value: Any, node: Node) -> Any:
        listed = part(node, "allowed")
        if listed is None:
            return value
        allowed = listed.plain()
        if not isinstance(allowed, list) or not allowed:
            words = f"allowed of parameter {name!r} is a list of values, found {kind_of(listed)}"
            self._document.fault(listed.place, words)
        elif value not in allowed:
            words = f"parameter {name!r} is {value!r} (allowed: {', '.join(map(str, allowed))})"
            self._document.fault(node.place, words)
        return value
