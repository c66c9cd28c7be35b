"""Parses one line of a journal. An invalid line yields a message, never an exception."""

import json
from collections.abc import Iterable
from datetime import datetime
from typing import TypeVar

import msgspec
from msgspec.structs import FieldInfo

from rubyops.engine.journal.lines import (
    BY_TYPE,
    FORMAT,
    Content,
    Envelope,
    Line,
    Opening,
    line_hash,
)
from rubyops.engine.journal.stored_playbook import StoredPlaybook
from rubyops.model.json_object import JsonObject

DEPTH_MAX = 50
S = TypeVar("S", bound=msgspec.Struct)


def read_line(text: str) -> Line | str:
    """Return the parsed line, or a message that says why the text is not a journal line."""
    try:
        raw = json.loads(text)
    except (ValueError, RecursionError):
        return "is not a journal line: it is no JSON"
    if not isinstance(raw, dict):
        return f"is not a journal line: it is no object, but {type(raw).__name__}"
    return _read_object(raw)


def _read_object(raw: JsonObject) -> Line | str:
    if _is_too_deep(raw):
        return f"is not a journal line: it is nested deeper than {DEPTH_MAX} levels"
    found = _typed(raw)
    if isinstance(found, list):
        return f"is not a journal line: {', '.join(found)} missing or not as it has to be"
    return found


def _is_too_deep(raw: JsonObject) -> bool:
    # json.loads accepts deeper nesting than json.dumps, so `line_hash` would raise RecursionError.
    level: list[object] = [raw]
    for _ in range(DEPTH_MAX):
        level = [part for item in level for part in _parts(item)]
        if not level:
            return False
    return True


def _parts(item: object) -> Iterable[object]:
    if isinstance(item, dict):
        return item.values()
    return item if isinstance(item, list) else ()


def _typed(raw: JsonObject) -> Line | list[str]:
    """Return the line, or the names of its missing and mistyped fields."""
    envelope = _fields(raw, Opening if raw.get("type") == "run_started" else Envelope)
    return envelope if isinstance(envelope, list) else _with_content(raw, envelope)


def _with_content(raw: JsonObject, envelope: Envelope) -> Line | list[str]:
    content = _content(raw, envelope)
    if isinstance(content, list):
        return content
    if not _is_moment(envelope.time):
        return ["time"]
    return Line(content=content, digest=line_hash(raw), **msgspec.structs.asdict(envelope))


def _content(raw: JsonObject, envelope: Envelope) -> Content | list[str] | None:
    if envelope.v > FORMAT or envelope.type not in BY_TYPE:
        return None
    return _fields(raw, BY_TYPE[envelope.type])


def _fields(raw: JsonObject, kind: type[S]) -> S | list[str]:
    """Convert the fields into a struct, or return the names of missing and mistyped fields."""
    try:
        return msgspec.convert(raw, kind)
    except ValueError:
        return _one_by_one(raw, kind)


def _one_by_one(raw: JsonObject, kind: type[S]) -> S | list[str]:
    fields = msgspec.structs.fields(kind)
    wrong = [name for field in fields for name in _wrong_in(raw, field)]
    # `convert` also fails on an unknown key that is not valid Unicode. All known fields are valid
    # then, and the struct can be made.
    return wrong or kind(**_converted(raw, fields))


def _converted(raw: JsonObject, fields: Iterable[FieldInfo]) -> JsonObject:
    present = (field for field in fields if field.name in raw)
    return {field.name: msgspec.convert(raw[field.name], field.type) for field in present}


def _wrong_in(raw: JsonObject, field: FieldInfo) -> list[str]:
    if field.name not in raw:
        return [field.name] if field.required else []
    try:
        msgspec.convert(raw[field.name], field.type)
    except ValueError:
        return _inner(raw[field.name], field)
    return []


def _inner(value: object, field: FieldInfo) -> list[str]:
    """Return the names of the wrong fields inside a stored playbook, or the field's own name."""
    if not isinstance(value, dict) or field.type is not StoredPlaybook:
        return [field.name]
    found = _fields(value, field.type)
    return [f"{field.name}.{name}" for name in found] if isinstance(found, list) else [field.name]


def _is_moment(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False
