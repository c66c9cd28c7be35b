"""The sources of the test run's PostgreSQL and Redis.

`RUBYOPS_TEST_SOURCE` is `embedded` (the default), `containers` or `urls`. A source starts and stops
its servers; `tests.cluster` uses the servers of all sources in the same way. `python -m
tests.sources containers` exits with 0 if containers are available here.
"""

import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import psycopg
import redis

from rubyops.adapters.local import binaries
from rubyops.adapters.local.keyring import LOGIN_ROLES
from rubyops.adapters.local.ports import PortBook
from rubyops.adapters.local.servers import (
    POSTGRES_ENVIRONMENT,
    REDIS_USERS,
    SERVICES_USER,
    SUPERUSER,
    Postgres,
    Valkey,
)

VARIABLE = "RUBYOPS_TEST_SOURCE"
DATABASE_VARIABLE, REDIS_VARIABLE = "RUBYOPS_TEST_DATABASE_URL", "RUBYOPS_TEST_REDIS_URL"
OURS_VARIABLE = "RUBYOPS_TEST_SERVERS_ARE_OURS"
POSTGRES_IMAGE, REDIS_IMAGE = "postgres:16-alpine", "redis:7-alpine"
LABEL = "rubyops.tests"
MADE_BY_MIGRATIONS = (*LOGIN_ROLES, "wallet_owner", "player_owner", "rolling_owner")
CONNECTIONS_MIN = 300  # for three live platforms and the databases of tests
FAST = {
    "fsync": "off",
    "full_page_writes": "off",
    "autovacuum_naptime": "5min",
    "max_connections": "400",
    "max_wal_size": "256MB",  # the data may lie in memory
}
LOGICAL_DATABASES = 64


class Started(NamedTuple):
    """The URLs of PostgreSQL's superuser and of Redis' administrator, without a database name."""

    postgres: str
    redis: str


class NotUsable(Exception):
    """These servers cannot be used; the message says why."""


class Source(Protocol):
    """A way to provide the servers.

    With `shared`, the servers keep running for other users, so the run must remove everything that
    it made there.
    """

    shared: bool

    def start(self, folder: Path, password: str) -> Started:
        """Start the servers in the run's folder and wait for their answers. Raises `NotUsable`."""

    def stop(self, folder: Path, password: str) -> None:
        """Stop the servers, even if their start did not finish."""


class Embedded:
    """The servers that come from PyPI with the product."""

    shared = False

    def start(self, folder: Path, password: str) -> Started:
        """Start both servers in the run's folder."""
        postgres, valkey = self._servers(folder)
        postgres.create(password)
        valkey.configure(dict.fromkeys(REDIS_USERS, password))
        options = shlex.join(postgres.command()[3:])
        _pg_ctl(postgres, "start", "-W", "-l", str(postgres.data / "server.log"), "-o", options)
        detached = [
            "--daemonize",
            "yes",
            "--appendonly",
            "no",
            "--logfile",
            str(folder / "valkey.log"),
        ]
        subprocess.run([*valkey.command(), *detached], check=True)
        postgres.await_ready(password, 30)
        valkey.await_ready(password, 30)
        return Started(
            postgres.dsn(SUPERUSER, password, "").removesuffix("/"),
            valkey.url(SERVICES_USER, password).removesuffix("/0"),
        )

    def stop(self, folder: Path, password: str) -> None:
        """Stop both servers at once, without saving their data."""
        postgres, valkey = self._servers(folder)
        if (postgres.data / "postmaster.pid").exists():
            _pg_ctl(postgres, "stop", "-m", "immediate")
        with (
            suppress(redis.ConnectionError),
            redis.Redis.from_url(valkey.url(SERVICES_USER, password)) as client,
        ):
            client.shutdown(nosave=True, now=True, force=True)

    def _servers(self, folder: Path) -> tuple[Postgres, Valkey]:
        book = PortBook(folder / "ports.json")
        ports = {
            name: book.remembered(name) or book.usable(name) for name in ("postgres", "valkey")
        }
        bins = binaries.runnable_postgres_bin(folder)
        return Postgres(bins, folder / "postgres", ports["postgres"], FAST), Valkey(
            binaries.valkey_server(), folder / "valkey", ports["valkey"]
        )


class Containers:
    """Containers by testcontainers, without its cleanup container Ryuk.

    The run removes its containers itself, by a label with the name of its folder.
    """

    shared = False

    def start(self, folder: Path, password: str) -> Started:
        """Start one container per server."""
        from testcontainers.community.postgres import PostgresContainer
        from testcontainers.community.redis import RedisContainer
        from testcontainers.core.config import testcontainers_config

        testcontainers_config.ryuk_disabled = True
        labels = {LABEL: folder.name}
        settings = [part for name, value in FAST.items() for part in ("-c", f"{name}={value}")]
        postgres = PostgresContainer(
            POSTGRES_IMAGE,
            username=SUPERUSER,
            password=password,
            dbname="postgres",
            driver=None,
            labels=labels,
        )
        postgres.with_command(shlex.join(["postgres", *settings])).start()
        store = RedisContainer(REDIS_IMAGE, password=password, labels=labels)
        store.with_command(
            shlex.join(
                ["redis-server", "--requirepass", password, "--databases", str(LOGICAL_DATABASES)]
            )
        ).start()
        address = f"{store.get_container_host_ip()}:{store.get_exposed_port(store.port)}"
        return Started(
            postgres.get_connection_url().removesuffix("/postgres"),
            f"redis://:{password}@{address}",
        )

    def stop(self, folder: Path, password: str) -> None:
        """Remove the containers of this run with their volumes."""
        for container in _docker().containers.list(
            all=True, filters={"label": f"{LABEL}={folder.name}"}
        ):
            container.remove(force=True, v=True)

    @staticmethod
    def refusal() -> str | None:
        """The reason why containers cannot be used here, or None.

        Pulls missing images.
        """
        try:
            client = _docker()
            client.ping()
        except Exception as fault:  # a missing or broken daemon leads to many types of errors
            return f"no Docker daemon answers ({type(fault).__name__})"
        for image in (POSTGRES_IMAGE, REDIS_IMAGE):
            try:
                if not client.images.list(name=image):
                    client.images.pull(image)
            except Exception as fault:
                return (
                    f"the image {image} is not here and cannot be pulled ({type(fault).__name__})"
                )
        return None


class Urls:
    """Servers that run already, at URLs from environment variables.

    The run never touches databases or roles that it did not make.
    """

    shared = True

    def start(self, folder: Path, password: str) -> Started:
        """Check that the servers can be used, and return their URLs."""
        missing = [name for name in (DATABASE_VARIABLE, REDIS_VARIABLE) if not os.environ.get(name)]
        if missing:
            raise NotUsable(
                f"{VARIABLE}=urls needs {' and '.join(missing)}: a superuser's and an "
                "administrator's URL without a database."
            )
        started = Started(
            *(os.environ[name].rstrip("/") for name in (DATABASE_VARIABLE, REDIS_VARIABLE))
        )
        connections, roles = self._ask(started)
        if connections < CONNECTIONS_MIN:
            raise NotUsable(
                f"PostgreSQL has max_connections = {connections}; the suite's live platforms need "
                f"{CONNECTIONS_MIN}."
            )
        if roles and not os.environ.get(OURS_VARIABLE):
            raise NotUsable(
                f"PostgreSQL has the roles {', '.join(roles)}: a platform lives there, or a run"
                " that was killed. Roles belong to the whole server, and the run would change their"
                f" passwords and drop them. Give another server, or set {OURS_VARIABLE}=1."
            )
        return started

    @staticmethod
    def _ask(started: Started) -> tuple[int, list[str]]:
        try:
            with psycopg.connect(f"{started.postgres}/postgres", connect_timeout=5) as connection:
                asked = connection.execute(
                    "SELECT current_setting('max_connections')::int,"
                    " array(SELECT rolname::text FROM pg_roles WHERE rolname = ANY(%s))",
                    [list(MADE_BY_MIGRATIONS)],
                ).fetchone()
            with redis.Redis.from_url(started.redis, socket_timeout=5) as client:
                client.ping()
        except (psycopg.Error, redis.RedisError) as fault:
            raise NotUsable(f"a server does not let the tests in: {fault}") from fault
        assert asked is not None
        return asked[0], asked[1]

    def stop(self, folder: Path, password: str) -> None:
        """Leave the servers running."""


SOURCES: dict[str, Callable[[], Source]] = {
    "embedded": Embedded,
    "containers": Containers,
    "urls": Urls,
}


def name() -> str:
    """The name of this run's source."""
    return os.environ.get(VARIABLE) or "embedded"


def chosen() -> Source:
    """The source of this run. Raises `NotUsable` for an unknown name."""
    if name() not in SOURCES:
        raise NotUsable(f"{VARIABLE} is {name()!r}; it can be {', '.join(SOURCES)}.")
    return SOURCES[name()]()


def _docker() -> Any:
    from testcontainers.core.docker_client import DockerClient

    return DockerClient().client


def _pg_ctl(postgres: Postgres, *arguments: str) -> None:
    command = [str(postgres.bin_dir / "pg_ctl"), "-D", str(postgres.data), *arguments]
    environment = {**os.environ, **POSTGRES_ENVIRONMENT}
    subprocess.run(
        command, user=postgres.user, cwd="/", env=environment, check=True, stdout=subprocess.DEVNULL
    )


if __name__ == "__main__":
    refusal = (
        Containers.refusal()
        if sys.argv[1:] == ["containers"]
        else "usage: python -m tests.sources containers"
    )
    if refusal:
        sys.exit(refusal)
