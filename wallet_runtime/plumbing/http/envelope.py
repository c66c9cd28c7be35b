"""Wraps every request: sets its id, turns errors into JSON answers, and counts it in metrics."""

import time
from collections.abc import Mapping
from uuid import uuid4

import msgspec
import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from wallet_runtime.contract.headers import IDEMPOTENCY_KEY_HEADER, REQUEST_ID_HEADER
from wallet_runtime.contract.secrets import masked
from wallet_runtime.contract.text import shown_in_json
from wallet_runtime.plumbing.errors import (
    ApiError,
    BodyTooLarge,
    Invalid,
    MethodNotAllowed,
    RequestTooSlow,
    Unauthorized,
)
from wallet_runtime.plumbing.http.headers import Headers
from wallet_runtime.plumbing.runtime import metrics

JSON = "application/json"
INTERNAL_MESSAGE = (
    "the service met an error that it did not expect; its log has it under this request id"
)

log = structlog.get_logger("http")


class Envelope:
    """The outermost ASGI application; it turns every exception into an error answer."""

    def __init__(self, inner: ASGIApp) -> None:
        """Wrap an ASGI application."""
        self._inner = inner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request; other protocols are ignored."""
        if scope["type"] != "http":
            return
        started = time.perf_counter()
        scope["headers_read"] = Headers(scope["headers"])
        scope["request_id"] = _request_id(scope["headers_read"])
        status = await self._answer(scope, receive, send)
        _measure(scope, status, time.perf_counter() - started)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> int:
        """Run the inner application, or send the answer for its error; return the status."""
        seen: list[int] = []

        async def watch(message: Message) -> None:
            if message["type"] == "http.response.start":
                seen.append(message["status"])
            await send(message)

        try:
            await self._inner(scope, receive, watch)
        except ApiError as error:
            await _send_error(scope, watch, error)
        except Exception as error:
            # An unexpected error: the client gets a general message, the log gets the traceback.
            _log_unexpected(scope, error)
            if not seen:
                await _send_error(scope, watch, ApiError(INTERNAL_MESSAGE))
        return seen[0] if seen else 500


def _log_unexpected(scope: Scope, error: Exception) -> None:
    log.exception(
        "unexpected error",
        request_id=scope["request_id"],
        path=scope["path"],
        error=type(error).__name__,
    )


async def send_answer(
    scope: Scope, send: Send, status: int, payload: bytes, headers: Mapping[str, str]
) -> None:
    """Send an answer with the request's id; its content type is JSON unless `headers` has one."""
    named = {
        "Content-Type": JSON,
        REQUEST_ID_HEADER: scope["request_id"],
        "Content-Length": str(len(payload)),
        **headers,
    }
    raw = [
        (name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in named.items()
    ]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send(
        {"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else payload}
    )


def error_body(error: ApiError, request_id: str) -> bytes:
    """Return an error's body as JSON, with this process's secrets masked.

    A message may hold the text of a driver's exception, which may show a URL with a password.
    """
    body = {
        "status": error.status,
        "code": error.code,
        "message": error.message,
        "request_id": request_id,
        "details": error.details,
    }
    return masked(msgspec.json.encode(body).decode()).encode()


async def _send_error(scope: Scope, send: Send, error: ApiError) -> None:
    key = _sent(scope["headers_read"], IDEMPOTENCY_KEY_HEADER)
    # A message may repeat input of the client, so characters that are unsafe to show are escaped.
    text = shown_in_json(error_body(error, key or scope["request_id"]).decode())
    await send_answer(scope, send, error.status, text.encode(), _error_headers(error))


def _error_headers(error: ApiError) -> dict[str, str]:
    headers: dict[str, str] = {}
    if error.retry_after is not None:
        headers["Retry-After"] = str(error.retry_after)
    if isinstance(error, MethodNotAllowed):
        headers["Allow"] = str(error.details["allow"])
    if isinstance(error, Unauthorized):
        headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, BodyTooLarge | RequestTooSlow):
        headers["Connection"] = "close"
    return headers


def _request_id(headers: Headers) -> str:
    """Return the X-Request-Id of the client, else its Idempotency-Key, else a new id."""
    return (
        _sent(headers, REQUEST_ID_HEADER) or _sent(headers, IDEMPOTENCY_KEY_HEADER) or str(uuid4())
    )


def _sent(headers: Headers, name: str) -> str | None:
    """Return an id header, or None if it is missing or invalid.

    No error is raised here: a route that needs the id refuses an invalid one later.
    """
    try:
        return headers.identifier(name)
    except Invalid:
        return None


def _measure(scope: Scope, status: int, seconds: float) -> None:
    route = scope.get("route_template", "none")
    metrics.REQUESTS.labels(route, scope["method"] if route != "none" else "any", str(status)).inc()
    metrics.REQUEST_SECONDS.labels(route).observe(seconds)
