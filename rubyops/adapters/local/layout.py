"""The programs of one environment, each with its command line and environment variables."""

import sys
from dataclasses import dataclass
from pathlib import Path

from rubyops.adapters.local import keyring
from rubyops.adapters.local.external_servers import ExternalPostgres, ExternalRedis
from rubyops.adapters.local.keyring import Keyring
from rubyops.adapters.local.servers import HOST, POSTGRES_ENVIRONMENT, REDIS_USERS, Postgres, Valkey
from rubyops.model.environment import Environment
from rubyops.model.secret import Secret
from rubyops.ports import Database
from wallet_runtime.contract.processes import API_PROCESSES, PROCESSES, WALLET_SERVICE
from wallet_runtime.contract.secrets import HOLDERS
from wallet_runtime.contract.variables import ANCHOR_FILE_VARIABLE, BRAND_ENFORCEMENT_VARIABLE

POSTGRES = "postgres"
VALKEY = "valkey"
PLATFORM_GROUP = "platform"
PLATFORM_PRIORITY = 30
# Every process gets this variable. It identifies the processes that outlived their supervisor.
HOME_LABEL = "RUBYOPS_ENVIRONMENT_HOME"
BRAND_ENFORCEMENT = "enforce"
PostgresServer = Postgres | ExternalPostgres
RedisServer = Valkey | ExternalRedis


@dataclass(frozen=True)
class Program:
    """A program that the supervisor runs.

    Programs of one group stop together. The group with the highest priority number stops first.
    """

    name: str
    group: str
    priority: int
    command: tuple[str, ...]
    environment: dict[str, str]
    user: str | None = None
    stop_signal: str = "TERM"

    @property
    def full_name(self) -> str:
        """The name by which the supervisor knows the program."""
        return f"{self.group}:{self.name}"


def copy_name(process: str, copy: int) -> str:
    """Return the name of a copy, for its port, its log and the supervisor."""
    return f"{process}-{copy}"


def copy_names(environment: Environment) -> list[tuple[str, int]]:
    """List (process, copy number) of every copy, in the order of PROCESSES."""
    return [(process, copy) for process in PROCESSES for copy in range(1, environment.copies + 1)]


def kept_copy(name: str) -> Program:
    """Return a copy by name only, for orders: the supervisor has its command line already."""
    return Program(name, PLATFORM_GROUP, PLATFORM_PRIORITY, (), {})


@dataclass(frozen=True)
class Platform:
    """The configuration of one environment: its servers, secrets, and the ports of its copies."""

    environment: Environment
    keys: Keyring
    postgres: PostgresServer
    valkey: RedisServer
    ports: dict[str, int]
    version: str

    def servers(self) -> list[Program]:
        """Return the programs of the environment's own servers; external servers have none."""
        programs = []
        if isinstance(self.postgres, Postgres):
            programs.append(_postgres_program(self.postgres))
        if isinstance(self.valkey, Valkey):
            programs.append(Program(VALKEY, VALKEY, 20, tuple(self.valkey.command()), {}))
        return programs

    def programs(self) -> list[Program]:
        """Return the program of every copy of every process."""
        return [self._program(process, copy) for process, copy in copy_names(self.environment)]

    def _program(self, process: str, copy: int) -> Program:
        command = (sys.executable, "-m", "wallet_runtime", process)
        name, variables = copy_name(process, copy), self._variables(process, copy)
        return Program(name, PLATFORM_GROUP, PLATFORM_PRIORITY, command, variables)

    def _variables(self, process: str, copy: int) -> dict[str, str]:
        variables = {
            HOME_LABEL: str(self.environment.home),
            "ENVIRONMENT": self.environment.kind,
            "VERSION": self.version,
            "PORT": str(self.ports[copy_name(process, copy)]),
            "COPY": str(copy),
            "DATABASE_URL": self._dsn(process, "platform"),
            "CONTROL_DATABASE_URL": self._dsn(process, "control"),
            BRAND_ENFORCEMENT_VARIABLE: BRAND_ENFORCEMENT,
        }
        return variables | self._own(process) | self._peers(copy) | self._secrets(process)

    def _own(self, process: str) -> dict[str, str]:
        """Return the variables that not every process has."""
        own = {}
        if process in REDIS_USERS:
            password = self._reveal(keyring.redis_password(process))
            own["REDIS_URL"] = self.valkey.url(process, password)
        if process == WALLET_SERVICE:
            anchors = self.environment.home / "exports" / "ledger-anchors.ndjson"
            own[ANCHOR_FILE_VARIABLE] = str(anchors)
        return own

    def _peers(self, copy: int) -> dict[str, str]:
        """Return the URLs of the other processes: a copy calls the copies with its own number.

        Without a load balancer, this gives work to all copies.
        """
        return {
            f"{other.upper()}_URL": copy_url(self.ports[copy_name(other, copy)])
            for other in API_PROCESSES
        }

    def _secrets(self, process: str) -> dict[str, str]:
        return {name: self._reveal(name) for name, holders in HOLDERS.items() if process in holders}

    def _dsn(self, role: str, database: Database) -> str:
        return dsn(self.postgres, self.keys, role, database).reveal()

    def _reveal(self, name: str) -> str:
        return self.keys[name].reveal()


def _postgres_program(server: Postgres) -> Program:
    command = tuple(server.command())
    # SIGINT is PostgreSQL's fast shutdown: open sessions end, and all data is written.
    return Program(POSTGRES, POSTGRES, 10, command, POSTGRES_ENVIRONMENT, server.user, "INT")


def dsn(postgres: PostgresServer, keys: Keyring, role: str, database: Database) -> Secret:
    """Build the connection URL of a role."""
    password = keys[keyring.role_password(role)].reveal()
    return Secret(postgres.dsn(role, password, postgres.databases[database]))


def copy_url(port: int) -> str:
    """Build the address of a copy."""
    return f"http://{HOST}:{port}"


def log_file(home: Path, program: str) -> Path:
    """Return the path of a program's log."""
    return home / "logs" / f"{program}.log"
