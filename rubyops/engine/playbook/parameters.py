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
            self._declare(name, node, given.get(name))
        self._find_undeclared(root, given)

    def _declare(self, name: str, node: Node, given: str | None) -> None:
        faults_before = len(self._document.faults)
        self.values[name] = self._value(name, node, given)
        if len(self._document.faults) > faults_before:
            self._unusable.add(name)

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
        return Node(self._filled(node), node.place)

    def _filled(self, node: Node) -> Any:
        value = node.value
        if isinstance(value, dict):
            return {key: (at, self.fill(inner)) for key, (at, inner) in value.items()}
        if isinstance(value, list):
            return [self.fill(inner) for inner in value]
        return self._substitute(node) if isinstance(value, str) else value

    def _substitute(self, node: Node) -> Any:
        """Replace the references in one text; a text of one reference gets the parameter's type."""
        if not self._all_declared(node):
            return node.value
        only = _REFERENCE.fullmatch(node.value)
        if only:
            return self.values[only[1]]
        return _REFERENCE.sub(lambda match: str(self.values[match[1]]), node.value)

    def _all_declared(self, node: Node) -> bool:
        for name in _REFERENCE.findall(node.value):
            self._used.add(name)
            if name not in self.values:
                words = f"${{{name}}} is not a declared parameter{self._declared_names(name)}"
                self._document.fault(node.place, words)
                return False
        return True

    def _declared_names(self, unknown: str) -> str:
        """Return a suggestion for an unknown name, followed by the declared names."""
        known = list(self.values)
        return f"{suggest(unknown, known)} (declared: {', '.join(known) or 'none'})"

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
        for name in given:
            if name not in self.values:
                words = f"parameter {name!r} was given{self._declared_names(name)}"
                self._document.fault(root.place, words)

    def _value(self, name: str, node: Node, given: str | None) -> Any:
        kind = self._kind(name, node)
        if kind is None:
            return None
        found = Node(given, node.place) if given is not None else part(node, "default")
        if found is None:
            self._fault_no_value(name, node)
            return None
        return self._typed(name, node, kind, found, strict=given is None)

    def _fault_no_value(self, name: str, node: Node) -> None:
        words = f"parameter {name!r} has no default and no value was given (--set {name}=...)"
        self._document.fault(node.place, words)

    def _kind(self, name: str, node: Node) -> str | None:
        document = self._document
        if document.mapping(node, f"parameter {name!r}", PARAMETER_KEYS) is None:
            return None
        document.keys(node, PARAMETER_KEYS, required=("type",))
        return document.word(node, "type", allowed=tuple(PARAMETER_TYPES))

    def _typed(self, name: str, node: Node, kind: str, found: Node, *, strict: bool) -> Any:
        """Convert the value to its type. Unless `strict`, the text "7" or "true" is parsed, too."""
        try:
            value: Any = msgspec.convert(found.plain(), PARAMETER_TYPES[kind], strict=strict)
        except msgspec.ValidationError:
            words = f"parameter {name!r} must be of type {kind}, found {found.plain()!r}"
            self._document.fault(found.place, words)
            return None
        self._check_allowed(name, value, node)
        return value

    def _check_allowed(self, name: str, value: Any, node: Node) -> None:
        allowed = self._allowed(name, node)
        if allowed and value not in allowed:
            words = f"parameter {name!r} is {value!r} (allowed: {', '.join(map(str, allowed))})"
            self._document.fault(node.place, words)

    def _allowed(self, name: str, node: Node) -> list[Any]:
        """Return the allowed values; empty if the declaration does not list any."""
        listed = part(node, "allowed")
        if listed is None:
            return []
        if isinstance(listed.value, list) and listed.value:
            return [item.plain() for item in listed.value]
        words = f"allowed of parameter {name!r} is a list of values, found {kind_of(listed)}"
        self._document.fault(listed.place, words)
        return []
