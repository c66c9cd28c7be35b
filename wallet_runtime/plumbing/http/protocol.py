"""Limits of a connection that uvicorn lacks: size and time of headers, size of a raw body."""

import asyncio
from typing import Any

import httptools
import msgspec
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_BYTES_MAX = 32 * 1024
HEADERS_MAX = 100
# The limit of a body's raw bytes, with chunk headers, chunk extensions and trailers. A body of 64
# KiB in chunks of one byte fits.
BODY_WIRE_BYTES_MAX = 512 * 1024
# The time from the connection, or from a later request's first byte, to the end of the headers.
HEAD_SECONDS_MAX = 5.0
_REASONS = {
    400: "Bad Request",
    408: "Request Timeout",
    413: "Content Too Large",
    431: "Request Header Fields Too Large",
}


class BoundedProtocol(HttpToolsProtocol):
    """Refuses requests with too large, too many or too slow headers, and closes the connection.

    The content of a body is limited in `request.read_body`.
    """

    def __init__(self, *given: Any, **named: Any) -> None:
        """Take uvicorn's arguments."""
        super().__init__(*given, **named)
        self._in_head = self._in_body = False
        self._head_bytes = self._body_bytes = 0
        self._head_timer: asyncio.TimerHandle | None = None
        self._refusal = (400, "BAD_REQUEST", "this is no HTTP request")

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the timer for the headers of the first request."""
        super().connection_made(transport)
        self._start_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the timer."""
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Count the bytes of headers and body; beyond a limit refuse instead of parsing."""
        if self._in_head and self._head_bytes > HEAD_BYTES_MAX:
            self._refuse_long_head()
            return
        if self._in_body:
            self._body_bytes += len(data)
            if self._body_bytes > BODY_WIRE_BYTES_MAX:
                self._refuse_long_body()
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
        """Reset the header count for a new request."""
        self._in_head, self._head_bytes = True, 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Accept the request, or refuse it if its headers are too large or too many.

        `data_received` cannot notice that if all headers came in one piece.
        """
        self._in_head = False
        self._stop_timer()
        size = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
        if size > HEAD_BYTES_MAX or len(self.headers) > HEADERS_MAX:
            raise self._large_head(size)
        self._in_body, self._body_bytes = True, 0
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Stop counting body bytes."""
        self._in_body = False
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Answer a request that the parser refused with an error in JSON, and close."""
        self._refuse(*self._refusal)

    def _large_head(self, size: int) -> httptools.HttpParserError:
        told = (
            f"a request may have {HEADERS_MAX} headers and {HEAD_BYTES_MAX} bytes of them, "
            f"found {len(self.headers)} and {size}"
        )
        self._refusal = (431, "HEADERS_TOO_LARGE", told)
        return httptools.HttpParserError(told)

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
            self._refuse(
                408, "REQUEST_TIMEOUT", f"the headers did not arrive within {HEAD_SECONDS_MAX:g} s"
            )

    def _refuse_long_head(self) -> None:
        self._refuse(
            431,
            "HEADERS_TOO_LARGE",
            f"the request line and headers may hold {HEAD_BYTES_MAX} bytes",
        )

    def _refuse_long_body(self) -> None:
        self._refuse(
            413,
            "BODY_TOO_LARGE",
            f"a body, its chunks and trailers may be {BODY_WIRE_BYTES_MAX} bytes on the wire",
        )

    def _refuse(self, status: int, code: str, message: str) -> None:
        if not self.transport.is_closing():
            self.transport.write(_closing_answer(status, code, message))
            self.transport.close()


def _closing_answer(status: int, code: str, message: str) -> bytes:
    """Return a whole HTTP answer that closes the connection."""
    body = msgspec.json.encode(
        {"status": status, "code": code, "message": message, "request_id": None, "details": {}}
    )
    head = (
        f"HTTP/1.1 {status} {_REASONS[status]}\r\ncontent-type: application/json\r\n"
        f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
    )
    return head.encode() + body
