"""Validates the parameters of a command, from a playbook's `with` or from the command line."""

from collections.abc import Mapping
from dataclasses import MISSING, Field, fields
from typing import Any, NamedTuple, get_args, get_type_hints

import msgspec

from rubyops.engine.playbook.names import suggest
from wallet_runtime.contract.text import acts

SHOWN_LENGTH_MAX = 40


class TypedParams(NamedTuple):
    """Converted values by field name; faults as (parameter name or None, message)."""

    values: dict[str, Any]
    faults: list[tuple[str | None, str]]


def type_params(params: type, values: Mapping[str, Any]) -> TypedParams:
    """Convert the values to the types of a Params dataclass, and collect all faults."""
    converter = _Converter(params)
    for key, value in values.items():
        converter.take(key, value)
    converter.find_missing({_dashed(key) for key in values})
    return converter.typed


class _Converter:
    """Converts values one by one, and collects them and their faults in `typed`."""

    def __init__(self, params: type) -> None:
        self.typed = TypedParams({}, [])
        self._hints = get_type_hints(params, include_extras=True)
        self._known = {_dashed(item.name): item for item in fields(params)}

    def take(self, key: str, value: Any) -> None:
        found = self._known.get(_dashed(key))
        if found is None:
            self.typed.faults.append((key, _unknown(key, list(self._known))))
            return
        if self._convert(key, value, found.name) and isinstance(value, str) and acts(value):
            self.typed.faults.append((key, _unprintable(key, value)))

    def _convert(self, key: str, value: Any, name: str) -> bool:
        hint = self._hints[name]
        try:
            self.typed.values[name] = msgspec.convert(value, hint, strict=True)
        except msgspec.ValidationError as error:
            found = f"found {value!r}{_allowed(hint)}"
            self.typed.faults.append((key, f"parameter {key!r}: {str(error).lower()}, {found}"))
            return False
        return True

    def find_missing(self, named: set[str]) -> None:
        for name, item in self._known.items():
            if not _has_default(item) and name not in named:
                self.typed.faults.append((None, f"parameter {name!r} is missing"))


def _dashed(name: str) -> str:
    return name.replace("_", "-")


def _unknown(key: str, known: list[str]) -> str:
    listed = ", ".join(known) or "none"
    return f"unknown parameter {key!r}{suggest(key, known)} (allowed: {listed})"


def _unprintable(key: str, value: str) -> str:
    found = f"found {value[:SHOWN_LENGTH_MAX]!r} (allowed: printable text)"
    return f"parameter {key!r} holds a control character, {found}"


def _has_default(item: Field[Any]) -> bool:
    return item.default is not MISSING or item.default_factory is not MISSING


def _allowed(hint: Any) -> str:
    words = [value for value in get_args(hint) if isinstance(value, str)]
    return f" (allowed: {', '.join(words)})" if words else ""
