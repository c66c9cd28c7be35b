"""`Context`: a process's settings and open resources, which handlers and loops receive."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wallet_runtime.plumbing.runtime.control_link import ControlLink
from wallet_runtime.plumbing.runtime.database import Database
from wallet_runtime.plumbing.runtime.settings import Settings

if TYPE_CHECKING:
    import ssl

    import httpx

POOL_MAX_API = 8
POOL_MAX_WORKER = 2
CALL_TIMEOUT_SECONDS = 5.0
CONNECT_TIMEOUT_SECONDS = 1.0
HTTP_CONNECTIONS_MAX = 32
HTTP_IDLE_SECONDS_MAX = 30.0


@dataclass(frozen=True)
class Context:
    """The settings, the database, the link to `control`, the HTTP client and the clock.

    `http` is None in a process that calls no other one. `clock` returns Unix time in seconds.
    """

    settings: Settings
    database: Database
    control: ControlLink
    http: httpx.Client | None
    clock: Callable[[], float] = time.time

    def close(self) -> None:
        """Close the HTTP client and the database pool."""
        if self.http is not None:
            self.http.close()
        self.database.close()


def open_context(settings: Settings) -> Context:
    """Open the process's resources.

    An unreachable server raises no error here: calls and the readiness check report it.
    """
    database = Database(
        settings.database_url.reveal().decode(),
        f"{settings.process}-{settings.copy}",
        pool_max=POOL_MAX_WORKER if settings.is_worker else POOL_MAX_API,
        prepare_threshold=settings.prepare_threshold,
    )
    http = _http_client(settings.service_urls.values()) if settings.service_urls else None
    return Context(settings, database.open(), ControlLink(settings), http)


def _http_client(urls: Iterable[str]) -> httpx.Client:
    # Imported here, because the import is slow and some processes call no other one.
    import httpx  # noqa: PLC0415

    return httpx.Client(
        timeout=httpx.Timeout(CALL_TIMEOUT_SECONDS, connect=CONNECT_TIMEOUT_SECONDS),
        limits=httpx.Limits(
            max_connections=HTTP_CONNECTIONS_MAX,
            max_keepalive_connections=HTTP_CONNECTIONS_MAX,
            keepalive_expiry=HTTP_IDLE_SECONDS_MAX,
        ),
        follow_redirects=False,
        trust_env=False,
        verify=_trust(urls),
    )


def _trust(urls: Iterable[str]) -> ssl.SSLContext | bool:
    # Loading the machine's certificates takes a tenth of a process's start. If all URLs are plain
    # HTTP, none are loaded, and the client would refuse an HTTPS server.
    import ssl  # noqa: PLC0415

    plain = all(url.startswith("http:") for url in urls)
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if plain else True
