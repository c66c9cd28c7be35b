"""Servers that hang: they accept a connection, then stay silent or send a byte now and then."""

import contextlib
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator

import psycopg

DRIP_SECONDS = 0.1


@contextlib.contextmanager
def silent() -> Iterator[int]:
    """Listen on a port without ever answering a client; yield the port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@contextlib.contextmanager
def dripping(beginning: bytes, drop: bytes = b"x") -> Iterator[int]:
    """Send each client `beginning` and then `drop` again and again; yield the port."""
    ended = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.1)
        server = threading.Thread(target=_drip, args=(listener, ended, beginning, drop))
        server.start()
        try:
            yield listener.getsockname()[1]
        finally:
            ended.set()
            server.join()


def _drip(listener: socket.socket, ended: threading.Event, beginning: bytes, drop: bytes) -> None:
    peers: list[socket.socket] = []
    while not ended.wait(DRIP_SECONDS):
        with contextlib.suppress(TimeoutError):
            peer, _ = listener.accept()
            peer.sendall(beginning)
            peers.append(peer)
        for peer in peers:
            with contextlib.suppress(OSError):
                peer.sendall(drop)
    for peer in peers:
        peer.close()


@contextlib.contextmanager
def stopped(pid: int) -> Iterator[None]:
    """Suspend a process with SIGSTOP until the block ends."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def backends(dsn: str) -> list[int]:
    """The process ids of PostgreSQL's backends for the toolkit's connections to this database."""
    question = (
        "SELECT pid FROM pg_stat_activity "
        "WHERE application_name = 'rubyops' AND datname = current_database()"
    )
    with psycopg.connect(dsn) as connection:
        return [int(row[0]) for row in connection.execute(question)]


@contextlib.contextmanager
def timed() -> Iterator[list[float]]:
    """Yield a list that gets the duration of the block in seconds."""
    began, seconds = time.monotonic(), list[float]()
    try:
        yield seconds
    finally:
        seconds.append(time.monotonic() - began)
