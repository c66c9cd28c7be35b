"""Decodes request bodies: UTF-8 JSON of a declared type, without duplicate keys.

A faulty body is answered with 415 or 422.
"""

import json
from typing import Any

import msgspec

from wallet_runtime.plumbing.errors import Invalid, UnsupportedMediaType

BODY_BYTES_MAX = 64 * 1024


class Body(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The base class of request bodies; a body with an unknown field is answered with 422."""


class DuplicateKey(ValueError):
    """A JSON object named a key twice."""


def parse(raw: bytes, content_type: str | None, shape: Any) -> Any:
    """Decode a body as `shape`: a subclass of `Body`, or `dict` for any JSON object.

    Raises `UnsupportedMediaType` (415) or `Invalid` (422).
    """
    _confirm_json(content_type or "")
    try:
        _refuse_ambiguous(raw)
        return msgspec.json.decode(raw, type=shape, strict=True)
    except RecursionError:
        raise Invalid("the body is nested too deeply") from None
    except (msgspec.DecodeError, ValueError) as error:
        raise Invalid(f"the body is not valid: {str(error)[:300]}") from None


def _confirm_json(content_type: str) -> None:
    media_type, _, parameters = content_type.partition(";")
    charset = parameters.strip().lower().removeprefix("charset=").strip('"')
    if media_type.strip().lower() != "application/json" or charset not in ("", "utf-8"):
        raise UnsupportedMediaType


def _refuse_ambiguous(raw: bytes) -> None:
    """Raise `ValueError` for JSON that parsers read differently.

    That is a repeated key, NaN, a number too large for a float, or a NUL character in a string.
    """
    if b"\\u0000" in raw:
        raise ValueError("a string holds a NUL character")
    json.loads(
        raw.decode("utf-8"),
        object_pairs_hook=_distinct,
        parse_constant=_no_constant,
        parse_float=_finite,
    )


def _distinct(pairs: list[tuple[str, Any]]) -> None:
    names = {name for name, _ in pairs}
    if len(names) != len(pairs):
        raise DuplicateKey("a key occurs twice in one object")


def _no_constant(text: str) -> None:
    raise ValueError(f"{text} is not a JSON number")


def _finite(text: str) -> None:
    if float(text) in (float("inf"), float("-inf")):
        raise ValueError("a number is too large")
