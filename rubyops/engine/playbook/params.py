"""Validates the parameters of a command, from a playbook's `with` or from the command line."""

from collections.abc import Iterator, Mapping
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
    hints = get_type_hints(params, include_extras=True)
    known = {_dashed(item.name): item for item in fields(params)}
    typed = TypedParams({}, [])
    for key, value in values.items():
        found = known.get(_dashed(key))
        if found is None:
            listed = ", ".join(known) or "none"
            words = f"unknown parameter {key!r}{suggest(key, list(known))} (allowed: {listed})"
            typed.faults.append((key, words))
        else:
            _convert(key, value, hints[found.name], found.name, typed)
    named = {_dashed(key) for key in values}
    missing = _missing(known, named)
    typed.faults.extend((None, f"parameter {name!r} is missing") for name in missing)
    return typed


def _dashed(name: str) -> str:
    return name.replace("_", "-")


def _convert(key: str, value: Any, hint: Any, name: str, typed: TypedParams) -> None:
    try:
        typed.values[name] = msgspec.convert(value, hint, strict=True)
    except msgspec.ValidationError as error:
        words = f"parameter {key!r}: {str(error).lower()}, found {value!r}{_allowed(hint)}"
        typed.faults.append((key, words))
        return
    if isinstance(value, str) and acts(value):
        found = f"found {value[:SHOWN_LENGTH_MAX]!r} (allowed: printable text)"
        typed.faults.append((key, f"parameter {key!r} holds a control character, {found}"))


def _missing(known: Mapping[str, Field[Any]], named: set[str]) -> Iterator[str]:
    for name, item in known.items():
        has_default = item.default is not MISSING or item.default_factory is not MISSING
        if not has_default and name not in named:
            yield name


def _allowed(hint: Any) -> str:
    words = [value for value in get_args(hint) if isinstance(value, str)]
    return f" (allowed: {', '.join(words)})" if words else ""
