"""A process limits each connection: the size and time of a request's head, and idle time."""

import json
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from tests.wallet_runtime.serving import await_until, environment_for, free_port, start_process
from wallet_runtime.plumbing.http.protocol import (
    BODY_WIRE_BYTES_MAX,
    HEAD_BYTES_MAX,
    HEAD_SECONDS_MAX,
    HEADERS_MAX,
)
from wallet_runtime.plumbing.http.request import BODY_SECONDS_MAX

pytestmark = pytest.mark.fault
LINE = b"GET /health HTTP/1.1\r\nHost: here\r\n"
# Beginnings of a request after which the client sends nothing: empty, an empty line, a word, a
# request line with a header, and half of a second header.
SILENT = (b"", b"\r\n", b"GET ", LINE, LINE + b"X-Half: ")
POST = (
    b"POST /api/v1/points/award HTTP/1.1\r\nHost: here\r\n"
    b"Content-Type: application/json\r\nContent-Length: 20\r\n\r\n"
)


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """The port of admin_service without a database: these requests end before a query."""
    taken = free_port()
    process = start_process("admin_service", environment_for("admin_service", taken))
    try:
        await_until(lambda: _listens(taken))
        yield taken
    finally:
        process.kill()
        process.communicate(timeout=10)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def connected(port: int) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as line:
        yield line


def told_at_the_end(line: socket.socket) -> tuple[int, str]:
    """Read until the process closes the connection; return status and code of its answer."""
    said = b""
    while chunk := _received(line):
        said += chunk
    head, _, body = said.partition(b"\r\n\r\n")
    return int(head.split(b" ")[1]), str(json.loads(body)["code"])


def answered(line: socket.socket) -> bool:
    """Read one answer from a connection that stays open; return whether it is HTTP/1.1."""
    said = b""
    while b"\r\n\r\n" not in said or len(said.partition(b"\r\n\r\n")[2]) < _length(said):
        said += line.recv(65_536)
    return said.startswith(b"HTTP/1.1 ")


def _length(said: bytes) -> int:
    head = said.partition(b"\r\n\r\n")[0].lower()
    return int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])


def _received(line: socket.socket) -> bytes:
    try:
        return line.recv(65_536)
    except ConnectionResetError:
        return b""


def test_a_head_without_end_is_not_read(port: int) -> None:
    with connected(port) as line:
        line.sendall(LINE + b"X-Long: ")
        sent = 0
        with pytest.raises(OSError):
            while sent < 120 << 20:
                sent += line.send(b"x" * 65_536)
        assert sent < 16 << 20, "what the sockets hold in between, not what was meant"


@pytest.mark.parametrize(
    "more",
    [
        b"X-Long: " + b"x" * HEAD_BYTES_MAX,
        b"".join(b"X-%d: 1\r\n" % number for number in range(HEADERS_MAX))[:-2],
    ],
    ids=["bytes", "count"],
)
def test_a_head_beyond_its_bounds_is_refused(port: int, more: bytes) -> None:
    with connected(port) as line:
        line.sendall(LINE + more + b"\r\n\r\n")
        assert told_at_the_end(line) == (431, "HEADERS_TOO_LARGE")


def test_a_head_within_its_bounds_is_taken(port: int) -> None:
    with connected(port) as line:
        line.sendall(
            LINE
            + b"".join(b"X-%d: 1\r\n" % number for number in range(HEADERS_MAX - 2))
            + b"Connection: close\r\n\r\n"
        )
        assert line.recv(65_536).startswith(b"HTTP/1.1 ")


def test_a_head_that_does_not_come_is_closed(port: int) -> None:
    with ExitStack() as stack:
        lines = [stack.enter_context(connected(port)) for _ in SILENT]
        for line, first in zip(lines, SILENT, strict=True):
            line.sendall(first)
        began = time.monotonic()
        assert [told_at_the_end(line) for line in lines] == [(408, "REQUEST_TIMEOUT")] * len(SILENT)
        assert time.monotonic() - began < HEAD_SECONDS_MAX + 5


def test_a_head_that_drips_is_closed(port: int) -> None:
    with connected(port) as line:
        line.sendall(LINE)
        deadline = time.monotonic() + HEAD_SECONDS_MAX + 5
        with pytest.raises(OSError):
            while time.monotonic() < deadline:
                line.sendall(b"X-Drip: 1\r\n")
                time.sleep(0.2)


def test_a_second_head_has_its_own_time_and_a_pause_before_it_none(port: int) -> None:
    with connected(port) as line:
        line.sendall(LINE + b"\r\n")
        assert answered(line)
        time.sleep(HEAD_SECONDS_MAX + 1)
        line.sendall(LINE + b"\r\n")
        assert answered(line), "a client may wait before its next request"
        line.sendall(b"GET /heal")
        assert told_at_the_end(line) == (408, "REQUEST_TIMEOUT")


CHUNKED = POST.replace(b"Content-Length: 20", b"Transfer-Encoding: chunked")


@pytest.mark.parametrize(
    ("begun", "more"),
    [
        (b"2\r\n{}\r\n0\r\n", b"X-Trailer: " + b"x" * 60_000 + b"\r\n"),
        (b"2;named=", b"x" * 60_000),
        (b"", b"1\r\n \r\n" * 10_000),
    ],
    ids=["trailers", "extension of a chunk", "chunks of a byte"],
)
def test_a_body_that_is_more_on_the_wire_than_it_holds_is_refused(
    port: int, begun: bytes, more: bytes
) -> None:
    with connected(port) as line:
        line.sendall(CHUNKED + begun)
        sent = 0
        with pytest.raises(OSError):
            while sent < 40 * BODY_WIRE_BYTES_MAX:
                line.sendall(more)
                sent += len(more)


def test_a_body_in_chunks_of_a_byte_is_taken(port: int) -> None:
    with connected(port) as line:
        line.sendall(CHUNKED + b"1\r\n \r\n" * 60_000 + b"0\r\n\r\n")
        assert answered(line)


def test_half_a_body_is_answered_and_closed(port: int) -> None:
    with connected(port) as line:
        line.sendall(POST + b'{"a":')
        began = time.monotonic()
        assert told_at_the_end(line) == (408, "REQUEST_TIMEOUT")
        assert time.monotonic() - began < BODY_SECONDS_MAX + 5


def test_what_is_no_request_gets_the_houses_shape(port: int) -> None:
    with connected(port) as line:
        line.sendall(b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n")
        assert told_at_the_end(line) == (400, "BAD_REQUEST")
