"""A real PostgreSQL and a real Valkey for the whole test run, shared by its workers and stopped when the last has ended."""

import fcntl
import itertools
import json
import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import redis
from psycopg import sql as composed

from rubyops.adapters import migrations
from rubyops.adapters.local import binaries
from rubyops.adapters.local.ports import PortBook
from rubyops.adapters.local.servers import READ_USER, SERVICES_USER, SUPERUSER, Postgres, Valkey
from rubyops.ports import Database

FOLDER_VARIABLE = "RUBYOPS_TEST_CLUSTER"
PASSWORD = "test"
ROLES = (
    "gateway",
    "wallet_service",
    "wallet_worker",
    "rolling_service",
    "rolling_worker",
    "game_service",
    "player_service",
    "admin_service",
    "control_service",
    "rubyops_read",
    "rubyops_ops",
)
FAST = {"fsync": "off", "full_page_writes": "off", "autovacuum_naptime": "5min", "max_connections": "400"}
_database_numbers = itertools.count()


@dataclass(frozen=True)
class TestDatabase:
    """One test's own database: connection URLs of the superuser and of every role (password `test`)."""

    __test__ = False

    postgres: Postgres
    name: str

    @property
    def superuser_dsn(self) -> str:
        """The superuser's URL: for planting faults and looking at everything."""
        return self.postgres.dsn(SUPERUSER, PASSWORD, self.name)

    def dsn(self, role: str) -> str:
        """The URL of a role that the migrations made, such as `wallet_service`."""
        return self.postgres.dsn(role, PASSWORD, self.name)


@dataclass(frozen=True)
class Cluster:
    """The two servers of this test run."""

    postgres: Postgres
    valkey: Valkey

    @contextmanager
    def database(self, which: Database) -> Iterator[TestDatabase]:
        """Clone the migrated template for one test and drop the clone after it."""
        name = f"{which}_{os.getpid()}_{next(_database_numbers)}"
        self._run("CREATE DATABASE {} TEMPLATE {}", name, _template(which))
        try:
            yield TestDatabase(self.postgres, name)
        finally:
            self._run("DROP DATABASE {} WITH (FORCE)", name)

    def redis_url(self, number: int, user: str = SERVICES_USER) -> str:
        """The URL of one logical database of the Valkey server."""
        return self.valkey.url(user, PASSWORD, number)

    def _run(self, text: str, *names: str) -> None:
        with psycopg.connect(self.postgres.dsn(SUPERUSER, PASSWORD, "postgres"), autocommit=True) as connection:
            connection.execute(composed.SQL(text).format(*map(composed.Identifier, names)))


def make_folder() -> None:
    """Choose the run's folder, in the process that starts the workers; they inherit its name."""
    folder = tempfile.mkdtemp(prefix="rubyops-tests-")
    os.chmod(folder, 0o711)  # PostgreSQL may have to run as another user
    os.environ[FOLDER_VARIABLE] = folder


def connect() -> Cluster:
    """Start the servers, or find them started by another worker; `needed` migrations run once."""
    folder = Path(os.environ[FOLDER_VARIABLE])
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        started = folder / "started.json"
        if started.exists():
            return _cluster(folder, json.loads(started.read_text()))
        book = PortBook(folder / "ports.json")
        ports = {name: book.usable(name) for name in ("postgres", "valkey")}
        cluster = _cluster(folder, ports)
        _start(cluster, folder)
        started.write_text(json.dumps(ports))
        return cluster


def prepare(cluster: Cluster, which: Database) -> None:
    """Make the migrated template of one database, unless another worker has."""
    with (Path(os.environ[FOLDER_VARIABLE]) / f"{which}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        superuser = cluster.postgres.dsn(SUPERUSER, PASSWORD, "postgres")
        name = _template(which)
        done = Path(os.environ[FOLDER_VARIABLE]) / f"{which}.done"
        if done.exists():
            return
        migrations.ensure_database(superuser, name)
        migrations.upgrade(cluster.postgres.dsn(SUPERUSER, PASSWORD, name), which)
        with psycopg.connect(superuser) as connection:
            known = {str(row[0]) for row in connection.execute("SELECT rolname FROM pg_roles")}
        migrations.provision_passwords(superuser, {role: PASSWORD for role in ROLES if role in known})
        done.touch()


def stop() -> None:
    """Stop the servers if any worker started them, and remove the run's folder."""
    folder = Path(os.environ.pop(FOLDER_VARIABLE))
    if (folder / "started.json").exists():
        cluster = _cluster(folder, json.loads((folder / "started.json").read_text()))
        _pg_ctl(cluster.postgres, "stop", "-m", "immediate")
        with redis.Redis.from_url(cluster.redis_url(0)) as client:
            client.shutdown(nosave=True, now=True, force=True)
    shutil.rmtree(folder, ignore_errors=True)


def _template(which: Database) -> str:
    return f"{which}_template"


def _cluster(folder: Path, ports: dict[str, int]) -> Cluster:
    postgres = Postgres(binaries.runnable_postgres_bin(folder), folder / "postgres", ports["postgres"], FAST)
    return Cluster(postgres, Valkey(binaries.valkey_server(), folder / "valkey", ports["valkey"]))


def _start(cluster: Cluster, folder: Path) -> None:
    cluster.postgres.create(PASSWORD)
    cluster.valkey.configure({SERVICES_USER: PASSWORD, READ_USER: PASSWORD})
    options = shlex.join(cluster.postgres.command()[3:])
    _pg_ctl(cluster.postgres, "start", "-W", "-l", str(cluster.postgres.data / "server.log"), "-o", options)
    detached = ["--daemonize", "yes", "--appendonly", "no", "--logfile", str(folder / "valkey.log")]
    subprocess.run([*cluster.valkey.command(), *detached], check=True)
    cluster.postgres.await_ready(PASSWORD, 30)
    cluster.valkey.await_ready(PASSWORD, 30)


def _pg_ctl(postgres: Postgres, *arguments: str) -> None:
    command = [str(postgres.bin_dir / "pg_ctl"), "-D", str(postgres.data), *arguments]
    subprocess.run(command, user=postgres.user, cwd="/", check=True, stdout=subprocess.DEVNULL)
