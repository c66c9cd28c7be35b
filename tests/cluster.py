"""The PostgreSQL and the Redis of a test run, which all its workers share.

The servers come from the run's source (`tests.sources`). At its end the run removes everything that
it made there.
"""

import fcntl
import itertools
import json
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import redis
from psycopg import sql as composed

from rubyops.adapters import migrations
from rubyops.adapters.local.external_servers import ExternalPostgres, ExternalRedis
from rubyops.adapters.local.keyring import LOGIN_ROLES, role_password
from rubyops.adapters.local.servers import REDIS_USERS, SERVICES_USER, SUPERUSER
from rubyops.model.secret import Secret
from rubyops.ports import Database
from tests import sources
from tests.sources import MADE_BY_MIGRATIONS, NotUsable, Started

FOLDER_VARIABLE = "RUBYOPS_TEST_CLUSTER"
# A clone of the template database has some 300 files. In memory their creation takes a quarter of
# the time.
IN_MEMORY = Path("/dev/shm")  # noqa: S108
FREE_BYTES_MIN = 4 << 30
PREFIX = "rubyops_test_"
# The main process makes the password for all workers. It is random, because given servers may be
# reachable for others while the run's roles exist there.
PASSWORD = os.environ.setdefault("RUBYOPS_TEST_PASSWORD", secrets.token_hex(12))
_database_numbers = itertools.count()


@dataclass(frozen=True)
class TestDatabase:
    """The database of one test, with connection URLs for the superuser and every role."""

    __test__ = False

    postgres: ExternalPostgres
    name: str

    @property
    def superuser_dsn(self) -> str:
        """The superuser's URL, for planting faults and reading every table."""
        return self.postgres.dsn(SUPERUSER, PASSWORD, self.name)

    def dsn(self, role: str) -> str:
        """The URL of a role that the migrations made, such as `wallet_service`."""
        return self.postgres.dsn(role, PASSWORD, self.name)

    def end_sessions(self, application: str) -> None:
        """Terminate every session of this application in this database, and wait for their end.

        Without the wait, the next statement of a test could still find a session alive.
        """
        with psycopg.connect(self.superuser_dsn) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity "
                "WHERE application_name = %s AND datname = current_database()",
                [application],
            )


@dataclass(frozen=True)
class Cluster:
    """The two servers of this test run; the names of its databases begin with `prefix`."""

    servers: Started
    folder: Path

    @property
    def prefix(self) -> str:
        """The first part of the names of this run's databases."""
        return PREFIX + self.folder.name[-8:]

    @property
    def postgres(self) -> ExternalPostgres:
        """The run's PostgreSQL server."""
        return ExternalPostgres(Secret(f"{self.servers.postgres}/{self.prefix}"))

    @property
    def superuser_dsn(self) -> str:
        """The superuser's URL of the maintenance database."""
        return self.postgres.dsn(SUPERUSER, PASSWORD, migrations.MAINTENANCE_DATABASE)

    def template(self, which: Database) -> str:
        """The name of the migrated template database that tests clone."""
        return f"{self.prefix}_{which}"

    def database_name(self, what: str) -> str:
        """A new database name that no other test uses."""
        return f"{self.prefix}_{what}_{os.getpid()}_{next(_database_numbers)}"

    @contextmanager
    def database(self, which: Database) -> Iterator[TestDatabase]:
        """Clone the migrated template for one test and drop the clone after it."""
        name = self.database_name(which)
        # FILE_COPY takes half the time of the default strategy, which writes through the log.
        copy = "CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY"
        self.run(copy, name, self.template(which))
        try:
            yield TestDatabase(self.postgres, name)
        finally:
            self.run("DROP DATABASE {} WITH (FORCE)", name)

    def redis(self, number: int) -> ExternalRedis:
        """The logical Redis database with this number."""
        return ExternalRedis(Secret(f"{self.servers.redis}/{number}"), self.prefix)

    def redis_url(self, number: int, user: str = SERVICES_USER) -> str:
        """The URL of a user for a logical database that `take_logical_database` returned."""
        return self.redis(number).url(user, PASSWORD)

    def take_logical_database(self) -> int:
        """Take an empty logical database that no other worker of this run uses.

        Raises `NotUsable` if there is none.
        """
        with _locked(self.folder / "redis.lock"):
            taken = self.taken()
            for number in itertools.count():
                if number not in taken and self._is_empty(number):
                    (self.folder / "redis.json").write_text(json.dumps([*taken, number]))
                    return number
        raise AssertionError("counting has no end")

    def taken(self) -> list[int]:
        """List the logical databases that this run has taken."""
        book = self.folder / "redis.json"
        return list(json.loads(book.read_text())) if book.exists() else []

    def servers_for(self, home: Path) -> dict[str, str]:
        """Make the folder and the passwords of an environment; return the URLs of its servers.

        The PostgreSQL database in the URL does not exist yet.
        """
        home.mkdir(mode=0o711)
        (home / "secrets.json").touch(mode=0o600)
        (home / "secrets.json").write_text(
            json.dumps({role_password(role): PASSWORD for role in LOGIN_ROLES}), encoding="utf-8"
        )
        database = self.database_name(home.name.replace("-", "_"))
        return {
            "database_url": self.postgres.dsn(SUPERUSER, PASSWORD, database),
            "redis_url": self.redis(self.take_logical_database()).admin_url.reveal(),
        }

    def run(self, text: str, *names: str) -> None:
        """Run a statement as the superuser; each `{}` stands for a name, which is quoted."""
        with psycopg.connect(self.superuser_dsn, autocommit=True) as connection:
            connection.execute(composed.SQL(text).format(*map(composed.Identifier, names)))

    def _is_empty(self, number: int) -> bool:
        try:
            with redis.Redis.from_url(f"{self.servers.redis}/{number}") as client:
                return bool(client.dbsize() == 0)
        except redis.ResponseError as fault:
            raise NotUsable(
                f"Redis has no empty logical database for the tests up to number {number}: {fault}"
            ) from fault


def make_folder() -> None:
    """Create the run's folder in the main process; the workers inherit its name.

    Raises `NotUsable` if the chosen servers cannot be used.
    """
    source = sources.chosen()
    folder = _place() / f"rubyops-tests-{secrets.token_hex(4)}"
    folder.mkdir()
    folder.chmod(0o711)  # PostgreSQL may have to run as another user
    os.environ[FOLDER_VARIABLE] = str(folder)
    if source.shared:
        connect()


def _place() -> Path:
    """The folder for the servers' files: TMPDIR if set, else memory if there is room."""
    usable = "TMPDIR" not in os.environ and os.access(IN_MEMORY, os.W_OK | os.X_OK)
    if usable and shutil.disk_usage(IN_MEMORY).free >= FREE_BYTES_MIN:
        return IN_MEMORY
    return Path(tempfile.gettempdir())


def connect() -> Cluster:
    """Return the run's servers; the first worker that calls this starts them."""
    folder = Path(os.environ[FOLDER_VARIABLE])
    started = folder / "started.json"
    with _locked(folder / "lock"):
        if not started.exists():
            (folder / "starting").touch()
            cluster = Cluster(sources.chosen().start(folder, PASSWORD), folder)
            if sources.chosen().shared:
                _drop_databases(cluster, PREFIX)
            started.write_text(json.dumps(cluster.servers))
        return Cluster(Started(*json.loads(started.read_text())), folder)


def prepare(cluster: Cluster, which: Database) -> None:
    """Create and migrate the template of one database, unless another worker has."""
    with _locked(cluster.folder / f"{which}.lock"):
        done = cluster.folder / f"{which}.done"
        if done.exists():
            return
        name = cluster.template(which)
        migrations.ensure_database(cluster.superuser_dsn, name)
        migrations.upgrade(cluster.postgres.dsn(SUPERUSER, PASSWORD, name), which)
        with psycopg.connect(cluster.superuser_dsn) as connection:
            known = {str(row[0]) for row in connection.execute("SELECT rolname FROM pg_roles")}
        migrations.provision_passwords(
            cluster.superuser_dsn, {role: PASSWORD for role in LOGIN_ROLES if role in known}
        )
        done.touch()


def prepare_redis(cluster: Cluster) -> int:
    """Take a logical database and make its users; return its number."""
    number = cluster.take_logical_database()
    cluster.redis(number).configure(dict.fromkeys(REDIS_USERS, PASSWORD))
    return number


def versions() -> str:
    """The versions of the run's servers; empty if no test used a server."""
    folder = Path(os.environ[FOLDER_VARIABLE])
    if not (folder / "started.json").exists():
        return ""
    cluster = connect()
    with (
        psycopg.connect(cluster.superuser_dsn) as connection,
        redis.Redis.from_url(cluster.servers.redis) as client,
    ):
        known = client.info("server")
        store = (
            f"Valkey {known['valkey_version']}"
            if "valkey_version" in known
            else f"Redis {known['redis_version']}"
        )
        return f"PostgreSQL {connection.info.parameter_status('server_version')}, {store}"


def stop() -> None:
    """Stop the servers if a worker started them, and remove the run's folder.

    On shared servers, which keep running, everything that the run made is removed.
    """
    if FOLDER_VARIABLE not in os.environ:
        return
    folder = Path(os.environ.pop(FOLDER_VARIABLE))
    try:
        if sources.chosen().shared and (folder / "started.json").exists():
            _leave(Cluster(Started(*json.loads((folder / "started.json").read_text())), folder))
        if (folder / "starting").exists():
            sources.chosen().stop(folder, PASSWORD)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _leave(cluster: Cluster) -> None:
    _drop_databases(cluster, cluster.prefix)
    for role in MADE_BY_MIGRATIONS:
        cluster.run("DROP ROLE IF EXISTS {}", role)
    for number in cluster.taken():
        with redis.Redis.from_url(f"{cluster.servers.redis}/{number}") as client:
            client.flushdb()
            client.acl_deluser(*(cluster.redis(number).user(user) for user in REDIS_USERS))


def _drop_databases(cluster: Cluster, prefix: str) -> None:
    with psycopg.connect(cluster.superuser_dsn) as connection:
        ours = connection.execute(
            "SELECT datname::text FROM pg_database WHERE starts_with(datname::text, %s)", [prefix]
        ).fetchall()
    for (name,) in ours:
        cluster.run("DROP DATABASE {} WITH (FORCE)", name)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
