"""A real PostgreSQL and a real Redis for the whole test run, shared by its workers.

They come from the run's source, and are left as they were found.
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
# A clone of a template makes some 300 files. In memory that takes a quarter of the time.
IN_MEMORY = Path("/dev/shm")  # noqa: S108
FREE_BYTES_MIN = 4 << 30
PREFIX = "rubyops_test_"
# Made once, in the process that starts the workers. Given servers may be open to others while the
# run's roles are there.
PASSWORD = os.environ.setdefault("RUBYOPS_TEST_PASSWORD", secrets.token_hex(12))
_database_numbers = itertools.count()


@dataclass(frozen=True)
class TestDatabase:
    """One test's own database: connection URLs of the superuser and of every role."""

    __test__ = False

    postgres: ExternalPostgres
    name: str

    @property
    def superuser_dsn(self) -> str:
        """The superuser's URL: for planting faults and looking at everything."""
        return self.postgres.dsn(SUPERUSER, PASSWORD, self.name)

    def dsn(self, role: str) -> str:
        """The URL of a role that the migrations made, such as `wallet_service`."""
        return self.postgres.dsn(role, PASSWORD, self.name)

    def end_sessions(self, application: str) -> None:
        """End every session of this name in this database, and return when their backends are gone.

        The server only asks a backend to end: the next command of a test could find it alive.
        """
        with psycopg.connect(self.superuser_dsn) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity "
                "WHERE application_name = %s AND datname = current_database()",
                [application],
            )


@dataclass(frozen=True)
class Cluster:
    """The two servers of this test run; everything that it makes there is named with `prefix`."""

    servers: Started
    folder: Path

    @property
    def prefix(self) -> str:
        """The first part of the names of this run's databases."""
        return PREFIX + self.folder.name[-8:]

    @property
    def postgres(self) -> ExternalPostgres:
        """The PostgreSQL."""
        return ExternalPostgres(Secret(f"{self.servers.postgres}/{self.prefix}"))

    @property
    def superuser_dsn(self) -> str:
        """The superuser's URL of a database that is nobody's."""
        return self.postgres.dsn(SUPERUSER, PASSWORD, migrations.MAINTENANCE_DATABASE)

    def template(self, which: Database) -> str:
        """Name the migrated database that tests' own are cloned from."""
        return f"{self.prefix}_{which}"

    def database_name(self, what: str) -> str:
        """Make a name that no other test uses."""
        return f"{self.prefix}_{what}_{os.getpid()}_{next(_database_numbers)}"

    @contextmanager
    def database(self, which: Database) -> Iterator[TestDatabase]:
        """Clone the migrated template for one test and drop the clone after it."""
        name = self.database_name(which)
        # Copied as files: through the log, which is the default, it takes twice the time.
        copy = "CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY"
        self.run(copy, name, self.template(which))
        try:
            yield TestDatabase(self.postgres, name)
        finally:
            self.run("DROP DATABASE {} WITH (FORCE)", name)

    def redis(self, number: int) -> ExternalRedis:
        """One logical database."""
        return ExternalRedis(Secret(f"{self.servers.redis}/{number}"), self.prefix)

    def redis_url(self, number: int, user: str = SERVICES_USER) -> str:
        """The URL of a user of one logical database that `take_logical_database` gave."""
        return self.redis(number).url(user, PASSWORD)

    def take_logical_database(self) -> int:
        """Find a logical database that is empty and that nobody else in this run has taken.

        Raises `NotUsable` when there is none.
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
        """Give an environment two databases, a logical one to be, and the passwords of the roles.

        Its folder is made here.
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
        """Run a statement as the superuser, its names put in as identifiers."""
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
    """Choose the run's folder, in the process that starts the workers; they inherit its name.

    Raises `NotUsable`.
    """
    source = sources.chosen()
    folder = _place() / f"rubyops-tests-{secrets.token_hex(4)}"
    folder.mkdir()
    folder.chmod(0o711)  # PostgreSQL may have to run as another user
    os.environ[FOLDER_VARIABLE] = str(folder)
    if source.shared:
        connect()


def _place() -> Path:
    """Choose where the servers' files lie: where TMPDIR says, else in memory if there is room."""
    usable = "TMPDIR" not in os.environ and os.access(IN_MEMORY, os.W_OK | os.X_OK)
    if usable and shutil.disk_usage(IN_MEMORY).free >= FREE_BYTES_MIN:
        return IN_MEMORY
    return Path(tempfile.gettempdir())


def connect() -> Cluster:
    """Start the servers, or find them started by another worker."""
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
    """Make the migrated template of one database, unless another worker has."""
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
    """Say which servers the run has; empty when no test asked for one."""
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
    """Stop the servers if any worker started them, and remove the run's folder.

    Servers that run on are rid of everything of the run.
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
