"""Where the run's PostgreSQL and Redis come from.

`RUBYOPS_TEST_SOURCE` is `embedded` (as when it is not set), `containers` or `urls`.

A source starts its servers and stops them; everything that tests do with them is the same for all
three (`tests.cluster`). `python -m tests.sources containers` says by its exit code whether
containers can be had here.
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
CONNECTIONS_MIN = 300  # three live platforms and the tests' own databases
FAST = {
    "fsync": "off",
    "full_page_writes": "off",
    "autovacuum_naptime": "5min",
    "max_connections": "400",
    "max_wal_size": "256MB",  # it may lie in memory
}
LOGICAL_DATABASES = 64


class Started(NamedTuple):
    """A superuser's URL of PostgreSQL and an administrator's of Redis, neither with a database."""

    postgres: str
    redis: str


class NotUsable(Exception):
    """These servers cannot be used, and why."""


class Source(Protocol):
    """One way to have servers.

    `shared` ones run on for somebody else, so that what the run made has to be taken out again.
    """

    shared: bool

    def start(self, folder: Path, password: str) -> Started:
        """Have the servers answer; `folder` is the run's own. Raises `NotUsable`."""

    def stop(self, folder: Path, password: str) -> None:
        """End what was started, whether or not the start ever came to its end."""


class Embedded:
    """The servers that come from PyPI with the product."""

    shared = False

    def start(self, folder: Path, password: str) -> Started:
        """Start both in the run's folder."""
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
        """Stop both at once: nobody will ask for their data."""
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
    """Containers by testcontainers, without Ryuk.

    The run ends them itself, by a label that holds its folder's name.
    """

    shared = False

    def start(self, folder: Path, password: str) -> Started:
        """Start one of each."""
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
        """Say why containers cannot be had here; None when they can.

        Images are fetched if they are not there.
        """
        try:
            client = _docker()
            client.ping()
        except (
            Exception
        ) as fault:  # whatever a missing, forbidden or broken daemon makes the client raise
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
    """Servers that somebody runs already.

    Things in them that the run did not make are never touched.
    """

    shared = True

    def start(self, folder: Path, password: str) -> Started:
        """Look whether they can be used."""
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
        """Leave them running."""


SOURCES: dict[str, Callable[[], Source]] = {
    "embedded": Embedded,
    "containers": Containers,
    "urls": Urls,
}


def name() -> str:
    """Name the source of this run."""
    return os.environ.get(VARIABLE) or "embedded"


def chosen() -> Source:
    """Return the source of this run. Raises `NotUsable` for a name that is none."""
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
