"""Finds every structural fault of a document; a decoder stops at the first one (A7-1)."""

from collections.abc import Iterator
from itertools import zip_longest
from typing import Any, Literal, get_args, get_origin, get_type_hints

import msgspec

FAULTS_MAX = 100


class Fault(msgspec.Struct, frozen=True):
    """A fault at one path of a document, such as `buckets[0].kind`."""

    path: str
    message: str


class Difference(msgspec.Struct, frozen=True):
    """Different values at one path of two documents; None if a document lacks the path."""

    path: str
    old: Any
    new: Any


def differences(old: Any, new: Any, path: str = "") -> Iterator[Difference]:
    """Yield the differences of two decoded documents, one per leaf or missing part."""
    if isinstance(old, dict) and isinstance(new, dict):
        yield from _in_maps(old, new, path)
    elif isinstance(old, list) and isinstance(new, list):
        yield from _in_lists(old, new, path)
    elif old != new:
        yield Difference(path, old, new)


def _in_maps(old: dict[str, Any], new: dict[str, Any], path: str) -> Iterator[Difference]:
    for name in sorted(old.keys() | new.keys()):
        yield from differences(old.get(name), new.get(name), _join(path, name))


def _in_lists(old: list[Any], new: list[Any], path: str) -> Iterator[Difference]:
    for index, (before, after) in enumerate(zip_longest(old, new)):
        yield from differences(before, after, f"{path}[{index}]")


def faults(value: object, kind: Any, path: str = "") -> Iterator[Fault]:
    """Yield the faults of a decoded value, compared with a type.

    The type is a `Struct` that forbids unknown fields, a tuple, a dict, or the type of a leaf.
    """
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        yield from _of_struct(value, kind, path)
    elif get_origin(kind) is tuple:
        yield from _of_list(value, get_args(kind)[0], path)
    elif get_origin(kind) is dict:
        key_kind, item_kind = get_args(kind)
        yield from _of_map(value, key_kind, item_kind, path)
    else:
        yield from _of_leaf(value, kind, path)


def _of_struct(value: object, kind: type[msgspec.Struct], path: str) -> Iterator[Fault]:
    if not isinstance(value, dict):
        yield Fault(path, f"an object is needed, found {_shown(value)}")
        return
    hints = get_type_hints(kind, include_extras=True)
    for field in msgspec.structs.fields(kind):
        if field.name in value:
            yield from faults(value[field.name], hints[field.name], _join(path, field.name))
        elif field.required:
            yield Fault(_join(path, field.name), "this field is required and is missing")
    yield from _unknown_fields(value, hints, path)


def _unknown_fields(value: dict[str, object], hints: dict[str, Any], path: str) -> Iterator[Fault]:
    known = ", ".join(hints)
    for name in value.keys() - hints.keys():
        yield Fault(_join(path, str(name)), f"there is no such field; known are {known}")


def _of_list(value: object, kind: Any, path: str) -> Iterator[Fault]:
    if not isinstance(value, list):
        yield Fault(path, f"a list is needed, found {_shown(value)}")
        return
    for index, item in enumerate(value):
        yield from faults(item, kind, f"{path}[{index}]")


def _of_map(value: object, key_kind: Any, kind: Any, path: str) -> Iterator[Fault]:
    if not isinstance(value, dict):
        yield Fault(path, f"an object is needed, found {_shown(value)}")
        return
    for key, item in value.items():
        yield from _of_leaf(key, key_kind, _join(path, str(key)))
        yield from faults(item, kind, _join(path, str(key)))


def _of_leaf(value: object, kind: Any, path: str) -> Iterator[Fault]:
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        is_choice = get_origin(kind) is Literal
        allowed = f"allowed are {', '.join(get_args(kind))}" if is_choice else str(error)
        yield Fault(path, f"{allowed}; found {_shown(value)}")


def _shown(value: object) -> str:
    return repr(value)[:60]


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
