"""The environment's own PostgreSQL cluster and Valkey server, created on first use.

The supervisor starts both. Both listen by TCP on 127.0.0.1 only: a unix socket's path may have 107
bytes, and the path of a state folder may be longer.
"""

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from rubyops.adapters.bounded import Watch
from rubyops.adapters.connections import connect
from rubyops.adapters.durable import replace_state
from rubyops.adapters.local import binaries
from rubyops.adapters.local.programs import run_program
from rubyops.adapters.local.waiting import Waiting
from rubyops.adapters.streams import redis_client
from rubyops.errors import RubyopsError, TimedOut, Unreachable
from rubyops.ports import Database
from wallet_runtime.contract.consumers import CONSUMER_WORKERS
from wallet_runtime.contract.events import ROLLING_STREAM, WALLET_STREAM_PREFIX
from wallet_runtime.contract.processes import ROLLING_SERVICE, ROLLING_WORKER, WALLET_WORKER

HOST = "127.0.0.1"
SUPERUSER = "postgres"
PLATFORM_DATABASE = "ruby"
CONTROL_DATABASE = "control"
SERVICES_USER = "ruby"
READ_USER = "rubyops_read"
INITDB_SECONDS = 120.0  # initdb writes 40 MB and syncs them
ATTEMPT_SECONDS = 2.0  # for each attempt to connect to a starting server
POLL_SECONDS = 0.05

# `max_connections` is enough for sixteen processes with a pool for each database. With
# `synchronous_commit` a money command is answered only when its commit is on disk.
POSTGRES_SETTINGS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "max_connections": "300",
    "shared_buffers": "128MB",
    "synchronous_commit": "on",
    "password_encryption": "scram-sha-256",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %u@%d ",
    "max_wal_size": "1GB",
}
# Each session keeps 4 MB of freed memory. Otherwise glibc returns the memory to the kernel after a
# large transaction and requests it again in the next one, which takes a tenth of a bet's time.
POSTGRES_ENVIRONMENT = {"MALLOC_TOP_PAD_": str(4 << 20)}
# Connections reserved for the operators' roles. PostgreSQL 15 does not have the setting.
RESERVED = {"reserved_connections": "20"}
RESERVED_SINCE = 16
# CLIENT SETINFO is left out, because Redis 7.0 rejects it. Clients work without it.
_ANY = "+ping +hello +auth +select +quit +client|setname +client|getname +client|id"
_CONSUME = "+multi +exec +discard +xreadgroup +xack +xgroup|create +xinfo"
_PUBLISH = "+multi +exec +discard +xadd +xrange +xinfo +xpending +xtrim +exists"
_WALLET, _ROLLING = f"~{WALLET_STREAM_PREFIX}*", f"~{ROLLING_STREAM}"
_CONSUMER = f"{_WALLET} resetchannels -@all {_ANY} {_CONSUME}"
# The operator's user may do everything, and the read user may read everything. Each process may use
# only the commands and keys that it needs (ADR 20).
ACCESS_RULES = {
    SERVICES_USER: "~* &* +@all",
    READ_USER: (
        f"%R~* resetchannels -@all +@read -@write {_ANY} +echo +time +info +xinfo +acl|whoami"
    ),
    WALLET_WORKER: f"{_WALLET} resetchannels -@all {_ANY} {_PUBLISH}",
    **dict.fromkeys(CONSUMER_WORKERS, _CONSUMER),
    ROLLING_WORKER: f"{_CONSUMER} ({_ROLLING} {_PUBLISH})",
    ROLLING_SERVICE: f"resetchannels -@all {_ANY}",
}
REDIS_USERS = tuple(ACCESS_RULES)


@dataclass(frozen=True)
class Postgres:
    """A cluster in the folder `data`, run by the programs in `bin_dir`, on TCP `port`."""

    bin_dir: Path
    data: Path
    port: int
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def databases(self) -> Mapping[Database, str]:
        """The names of both databases."""
        return {"platform": PLATFORM_DATABASE, "control": CONTROL_DATABASE}

    @property
    def where(self) -> str:
        """The port of the server, in words."""
        return f"port {self.port}"

    @property
    def user(self) -> str | None:
        """The user to run the server as, None for our own user."""
        return binaries.postgres_user()

    def create(self, password: str) -> bool:
        """Create the cluster unless it exists; return whether it was created.

        `password` becomes the password of the superuser.
        """
        if (self.data / "PG_VERSION").exists():
            return False
        binaries.own_by_postgres(self.data)
        made = self._initdb_with(password)
        if made.returncode != 0:
            raise RubyopsError(
                f"initdb could not make the PostgreSQL cluster in {self.data}: "
                f"{made.stderr.strip()[-600:]}"
            )
        return True

    def _initdb_with(self, password: str) -> "subprocess.CompletedProcess[str]":
        """Run initdb with the password in a file, which only the server's user can read."""
        with tempfile.NamedTemporaryFile("w", dir=self.data.parent) as secret:
            secret.write(password)
            secret.flush()
            os.chown(secret.name, self.data.stat().st_uid, -1)
            return self._initdb(secret.name)

    def _initdb(self, password_file: str) -> "subprocess.CompletedProcess[str]":
        where = [str(self.bin_dir / "initdb"), "-D", str(self.data), "--no-locale", "-E", "UTF8"]
        access = ["-U", SUPERUSER, "-A", "scram-sha-256", f"--pwfile={password_file}"]
        try:
            return run_program([*where, *access], INITDB_SECONDS, user=self.user)
        except TimedOut:
            # A later start would take an incomplete cluster for a complete one.
            shutil.rmtree(self.data, ignore_errors=True)
            raise

    def command(self) -> list[str]:
        """Return the command line that runs the server in the foreground."""
        settings = self._all_settings().items()
        options = [part for name, value in settings for part in ("-c", f"{name}={value}")]
        return [str(self.bin_dir / "postgres"), "-D", str(self.data), *options]

    def _all_settings(self) -> dict[str, str]:
        reserved = RESERVED if self._major() >= RESERVED_SINCE else {}
        return {**POSTGRES_SETTINGS, **reserved, **self.settings, "port": str(self.port)}

    def _major(self) -> int:
        version = self.data / "PG_VERSION"
        return int(version.read_text()) if version.exists() else 0

    def dsn(self, role: str, password: str, database: str) -> str:
        """Build the connection URL of a role. Generated passwords need no escapes in a URL."""
        return f"postgresql://{role}:{password}@{HOST}:{self.port}/{database}"

    def await_ready(self, password: str, seconds: float, waiting: Waiting | None = None) -> None:
        """Wait until the superuser can connect. Raises `Unreachable` after `seconds`."""
        dsn = self.dsn(SUPERUSER, password, "postgres")

        def attempt() -> None:
            connect(dsn, Watch(ATTEMPT_SECONDS, _no_answer)).close()

        starting = _Starting("PostgreSQL", self.port, attempt, psycopg.OperationalError)
        starting.await_answer(seconds, waiting or Waiting())


@dataclass(frozen=True)
class Valkey:
    """A Valkey server in `folder` on TCP `port`, with an append-only file and our ACL users."""

    program: Path
    folder: Path
    port: int

    def configure(self, passwords: Mapping[str, str]) -> None:
        """Write the configuration file (0600), which has digests in place of passwords."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lines = [
            f"bind {HOST}",
            f"port {self.port}",
            f'dir "{self.folder}"',
            f'pidfile "{self.pid_file}"',
            "appendonly yes",
            "appendfsync everysec",
            'save ""',
            "databases 64",
            "maxmemory-policy noeviction",
            "user default off",
            *(_acl_user(user, password) for user, password in passwords.items()),
        ]
        # The server reads the file at its next restart, so the file must never be incomplete.
        replace_state(self.config_file, "\n".join(lines) + "\n")

    @property
    def where(self) -> str:
        """The port of the server, in words."""
        return f"port {self.port}"

    @property
    def config_file(self) -> Path:
        """The path of the configuration file."""
        return self.folder / "valkey.conf"

    @property
    def pid_file(self) -> Path:
        """The path of the file in which the running server stores its process id."""
        return self.folder / "valkey.pid"

    def command(self) -> list[str]:
        """Return the command line that runs the server in the foreground."""
        return [str(self.program), str(self.config_file)]

    def url(self, user: str, password: str) -> str:
        """Build the connection URL of a user."""
        return f"redis://{user}:{password}@{HOST}:{self.port}/0"

    def await_ready(self, password: str, seconds: float, waiting: Waiting | None = None) -> None:
        """Wait until the server has loaded its data and answers.

        Raises `Unreachable` after `seconds`.
        """
        import redis

        with redis_client(self.url(SERVICES_USER, password), ATTEMPT_SECONDS) as client:
            starting = _Starting("Valkey", self.port, client.ping, redis.RedisError)
            starting.await_answer(seconds, waiting or Waiting())


class _Starting:
    """A server that may still start: `attempt` raises `failure` until the server answers."""

    def __init__(
        self, server: str, port: int, attempt: Callable[[], object], failure: type[Exception]
    ) -> None:
        self._where = f"{server} on {HOST}:{port}"
        self._silence = f"{server} did not answer on {HOST}:{port}"
        self._attempt = attempt
        self._failure = failure
        self._faults: list[Exception] = []

    def await_answer(self, seconds: float, waiting: Waiting) -> None:
        if not waiting.until(self._answers, seconds, self._where, POLL_SECONDS):
            fault = self._faults[-1]
            reason = f"{self._silence} within {seconds:g} s: {str(fault).strip()}"
            raise Unreachable(reason) from fault

    def _answers(self) -> bool:
        try:
            self._attempt()
        except self._failure as fault:
            self._faults[:] = [fault]
            return False
        return True


def _acl_user(user: str, password: str) -> str:
    digest = hashlib.sha256(password.encode()).hexdigest()
    return f"user {user} reset on #{digest} {ACCESS_RULES[user]}"


def _no_answer(seconds: float) -> Exception:
    return psycopg.OperationalError(f"no answer within {seconds:g} s")
