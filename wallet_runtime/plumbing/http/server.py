"""Runs a process: its loops, health checks, link to `control` and HTTP server.

After a stop signal the process ends within eight seconds.
"""

import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import structlog
import uvicorn
from starlette.types import ASGIApp

from wallet_runtime.plumbing.http.app import Service, build_app
from wallet_runtime.plumbing.http.protocol import BoundedProtocol
from wallet_runtime.plumbing.runtime import logging, metrics
from wallet_runtime.plumbing.runtime.context import Context, open_context
from wallet_runtime.plumbing.runtime.health import Health
from wallet_runtime.plumbing.runtime.loop import Loop
from wallet_runtime.plumbing.runtime.settings import Settings

STOP_SECONDS_MAX = 8.0
REQUESTS_END_SECONDS_MAX = 4
LOOPS_END_SECONDS_MAX = 2.0
KEEP_ALIVE_SECONDS = 75
BACKLOG = 512

log = structlog.get_logger("process")


class CannotListen(Exception):
    """The port cannot be bound."""


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers, because `_Process` handles the signals."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class _Process:
    """The parts of a running process."""

    def __init__(self, service: Service, settings: Settings) -> None:
        self.context: Context = open_context(settings)
        self.loops: tuple[Loop, ...] = service.loops(self.context)
        self.health = Health(self.context, service.checks, self.loops)
        metrics.describe_process(settings, self.loops)
        self.server = _Server(_configuration(build_app(service, self.context, self.health)))

    def start(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self.ask_to_stop)
        self.health.start()
        self.context.control.start(self.health.report)
        for loop in self.loops:
            loop.start()

    def ask_to_stop(self, number: int, frame: FrameType | None) -> None:
        """Stop accepting work and finish accepted requests; a signal handler.

        The watchdog kills the process if the end takes too long.
        """
        watchdog = threading.Timer(STOP_SECONDS_MAX, os._exit, args=(1,))
        watchdog.daemon = True
        watchdog.start()
        self.health.stop()
        for loop in self.loops:
            loop.ask_to_stop()
        self.server.should_exit = True

    def end(self) -> bool:
        """Wait for the loops' last turns and close all parts; return False if a turn hangs."""
        ended = all([loop.join(LOOPS_END_SECONDS_MAX / len(self.loops)) for loop in self.loops])
        self.context.control.stop()
        self.context.close()
        return ended


def _configuration(app: ASGIApp) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        loop="uvloop",
        http=BoundedProtocol,
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=REQUESTS_END_SECONDS_MAX,
    )


def run(service: Service, settings: Settings) -> int:
    """Run a process until SIGTERM or SIGINT, then exit with 0. Raises `CannotListen`."""
    logging.configure(settings.process, settings.copy)
    listener = listen(settings.host, settings.port)
    process = _Process(service, settings)
    process.start()
    log.info("started", url=settings.advertised_url, version=settings.version, pid=os.getpid())
    process.server.run(sockets=[listener])
    ended = process.end()
    log.info("stopped", all_loops_ended=ended)
    sys.stdout.flush()
    # A normal exit would wait for the thread of a handler that is still running.
    os._exit(0)


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket; early connections wait in its backlog. Raises `CannotListen`."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        # Listen immediately. Two processes may bind the same port as long as neither listens, and
        # the second one would run its loops until its server fails to listen.
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise _cannot_listen(host, port, error) from None
    return listener


def _cannot_listen(host: str, port: int, error: OSError) -> CannotListen:
    return CannotListen(
        f"cannot listen on {host}:{port}: {error.strerror}; "
        "set PORT to a free one or stop what uses it"
    )
