"""Reads and checks parts of a request: body, path parameters, query string and brand."""

from urllib.parse import parse_qsl
from uuid import UUID

import anyio
from starlette.types import Receive, Scope

from wallet_runtime.plumbing.errors import (
    BodyTooLarge,
    Forbidden,
    Invalid,
    NotFound,
    RequestTooSlow,
)
from wallet_runtime.plumbing.http.auth import Identity
from wallet_runtime.plumbing.http.body import BODY_BYTES_MAX
from wallet_runtime.plumbing.http.headers import Headers

BODY_SECONDS_MAX = 10.0
DOT_PARTS = (".", "..")
QUERY_PARAMETERS_MAX = 32


async def read_body(scope: Scope, receive: Receive) -> bytes:
    """Read the whole body: at most 64 KiB (413), in at most ten seconds (408)."""
    _confirm_announced(scope["headers_read"].get("Content-Length"))
    with anyio.move_on_after(BODY_SECONDS_MAX):
        return await _receive_body(receive)
    raise RequestTooSlow(f"the body did not arrive within {BODY_SECONDS_MAX:g} s")


def _confirm_announced(length: str | None) -> None:
    """Raise `BodyTooLarge` if the Content-Length is no number, or above the limit."""
    if length is not None and (not length.isdigit() or int(length[:12]) > BODY_BYTES_MAX):
        raise BodyTooLarge(
            f"the body may hold {BODY_BYTES_MAX} bytes, {length[:12]} were announced"
        )


async def _receive_body(receive: Receive) -> bytes:
    chunks: list[bytes] = []
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise RequestTooSlow("the client went away before its body was complete")
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > BODY_BYTES_MAX:
            raise BodyTooLarge(f"the body may hold {BODY_BYTES_MAX} bytes")
        chunks.append(chunk)
        more = message.get("more_body", False)
    return b"".join(chunks)


def path_of(scope: Scope) -> dict[str, str]:
    """Return the path parameters; raise `NotFound` (404) for ".", ".." or a NUL character."""
    path: dict[str, str] = scope["path_params"]
    # A service that puts ".." into the path of its own call would call another route.
    if any("\0" in value or value in DOT_PARTS for value in path.values()):
        raise NotFound
    return path


def query_of(scope: Scope) -> dict[str, str]:
    """Return the query parameters; raise `Invalid` (422) for a repeated name, NUL or non-UTF-8."""
    pairs = _parse_query(scope["query_string"])
    values = dict(pairs)
    if len(values) != len(pairs) or any("\0" in value for value in values.values()):
        raise Invalid("a query parameter was sent more than once, or holds a NUL character")
    return values


def _parse_query(text: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(
            text.decode("ascii"),
            keep_blank_values=True,
            max_num_fields=QUERY_PARAMETERS_MAX,
            errors="strict",
        )
    except ValueError:
        raise Invalid("the query string is not valid") from None


def brand_of(headers: Headers, identity: Identity) -> UUID | None:
    """Return the brand of the X-Brand-Id header, or None.

    Raises `Forbidden` (403) if it differs from the brand of a player's session.
    """
    brand_id = headers.brand_id()
    if identity.brand_id is not None and brand_id is not None and brand_id != identity.brand_id:
        raise Forbidden("the session belongs to another brand than the X-Brand-Id header names")
    return brand_id
