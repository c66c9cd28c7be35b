"""Request bodies: bounded, UTF-8 JSON, typed, without duplicate keys.

Each fault is a 413, 415 or 422, never a 500.
"""

import json
from typing import Any

import msgspec

from wallet_runtime.plumbing.errors import Invalid, UnsupportedMediaType

BODY_BYTES_MAX = 64 * 1024


class Body(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The base of every request body: unknown fields are a 422."""


class DuplicateKey(ValueError):
    """A JSON object named a key twice."""


def parse(raw: bytes, content_type: str | None, shape: Any) -> Any:
    """Return the body as `shape`: a `Body` subclass, or `dict` for a free document.

    Raises 415 or 422.
    """
    media_type, _, parameters = (content_type or "").partition(";")
    charset = parameters.strip().lower().removeprefix("charset=").strip('"')
    if media_type.strip().lower() != "application/json" or charset not in ("", "utf-8"):
        raise UnsupportedMediaType
    try:
        _refuse_ambiguous(raw)
        return msgspec.json.decode(raw, type=shape, strict=True)
    except RecursionError:
        raise Invalid("the body is nested too deeply") from None
    except (msgspec.DecodeError, ValueError) as error:
        raise Invalid(f"the body is not valid: {str(error)[:300]}") from None


def _refuse_ambiguous(raw: bytes) -> None:
    """Refuse text with two readings: a repeated key, NaN, an infinite number, a NUL character."""
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
