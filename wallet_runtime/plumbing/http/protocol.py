"""Bounds of a connection that the web server does not keep: size and time of a request's head."""

import asyncio
from typing import Any

import httptools
import msgspec
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_BYTES_MAX = 32 * 1024
HEADERS_MAX = 100
# A body on the wire: 64 KiB in chunks of one byte each, and room. Extensions of chunks and trailers
# count, which no handler ever sees.
BODY_WIRE_BYTES_MAX = 512 * 1024
# From the connection, or from the first byte of a further request, to the end of its headers.
HEAD_SECONDS_MAX = 5.0
_REASONS = {
    400: "Bad Request",
    408: "Request Timeout",
    413: "Content Too Large",
    431: "Request Header Fields Too Large",
}


class BoundedProtocol(HttpToolsProtocol):
    """Closes a connection whose request line and headers are too long, too many or too slow.

    `app` bounds what a body holds.
    """

    def __init__(self, *given: Any, **named: Any) -> None:
        """Begin before the first request."""
        super().__init__(*given, **named)
        self._in_head = self._in_body = False
        self._head_bytes = self._body_bytes = 0
        self._head_timer: asyncio.TimerHandle | None = None
        self._refusal = (400, "BAD_REQUEST", "this is no HTTP request")

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for the first request for a bounded time."""
        super().connection_made(transport)
        self._start_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clock."""
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Count bytes before the headers are complete; bytes beyond the bound are not read."""
        if self._in_head and self._head_bytes > HEAD_BYTES_MAX:
            self._refuse_head(
                431,
                "HEADERS_TOO_LARGE",
                f"the request line and headers may hold {HEAD_BYTES_MAX} bytes",
            )
            return
        if self._in_body:
            self._body_bytes += len(data)
            if self._body_bytes > BODY_WIRE_BYTES_MAX:
                self._refuse_head(
                    413,
                    "BODY_TOO_LARGE",
                    "a body, its chunks and trailers may be "
                    f"{BODY_WIRE_BYTES_MAX} bytes on the wire",
                )
                return
        super().data_received(data)
        if self._in_head:
            self._head_bytes += len(data)
        if (
            self._head_timer is None
            and not self.transport.is_closing()
            and self._waits_for_a_head()
        ):
            self._start_timer()

    def on_message_begin(self) -> None:
        """Begin to count."""
        self._in_head, self._head_bytes = True, 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Let the request in, unless its head is too large although it came at once."""
        self._in_head = False
        self._stop_timer()
        size = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
        if size > HEAD_BYTES_MAX or len(self.headers) > HEADERS_MAX:
            told = (
                f"a request may have {HEADERS_MAX} headers and {HEAD_BYTES_MAX} bytes of them, "
                f"found {len(self.headers)} and {size}"
            )
            self._refusal = (431, "HEADERS_TOO_LARGE", told)
            raise httptools.HttpParserError(told)
        self._in_body, self._body_bytes = True, 0
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Count the body no longer."""
        self._in_body = False
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Answer in the house's shape what the parser could not read, and close."""
        self._refuse_head(*self._refusal)

    def _waits_for_a_head(self) -> bool:
        return self._in_head or self.cycle is None or self.cycle.response_complete

    def _start_timer(self) -> None:
        self._head_timer = self.loop.call_later(HEAD_SECONDS_MAX, self._too_slow)

    def _stop_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _too_slow(self) -> None:
        self._head_timer = None
        if not self.transport.is_closing() and self._waits_for_a_head():
            self._refuse_head(
                408, "REQUEST_TIMEOUT", f"the headers did not arrive within {HEAD_SECONDS_MAX:g} s"
            )

    def _refuse_head(self, status: int, code: str, message: str) -> None:
        body = msgspec.json.encode(
            {"status": status, "code": code, "message": message, "request_id": None, "details": {}}
        )
        head = (
            f"HTTP/1.1 {status} {_REASONS[status]}\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        if not self.transport.is_closing():
            self.transport.write(head.encode() + body)
            self.transport.close()
