"""Every program of one environment, with its command line and environment variables, as the supervisor is told to keep it."""

import sys
from dataclasses import dataclass
from pathlib import Path

from rubyops.adapters.local import keyring
from rubyops.adapters.local.given import GivenPostgres, GivenRedis
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
HOME_MARK = "RUBYOPS_ENVIRONMENT_HOME"  # by this variable a process of a dead supervisor is known
BRAND_ENFORCEMENT = "enforce"
PostgresServer = Postgres | GivenPostgres
RedisServer = Valkey | GivenRedis


@dataclass(frozen=True)
class Program:
    """A program to keep: programs of one group stop together, groups stop from the highest priority to the lowest."""

    name: str
    group: str
    priority: int
    command: tuple[str, ...]
    environment: dict[str, str]
    user: str | None = None
    stop_signal: str = "TERM"

    @property
    def full_name(self) -> str:
        """The supervisor's own name for it."""
        return f"{self.group}:{self.name}"


def copy_name(process: str, copy: int) -> str:
    """Name one copy of a process, for its port, its log and the supervisor."""
    return f"{process}-{copy}"


def copy_names(environment: Environment) -> list[tuple[str, int]]:
    """List (process, copy) of everything that the environment runs, in the contract's order."""
    return [(process, copy) for process in PROCESSES for copy in range(1, environment.copies + 1)]


def server_programs(postgres: PostgresServer, valkey: RedisServer) -> list[Program]:
    """Build the servers that are ours. SIGINT is PostgreSQL's fast shutdown: sessions are ended and everything is on disk."""
    programs = []
    if isinstance(postgres, Postgres):
        programs.append(
            Program(
                POSTGRES,
                POSTGRES,
                10,
                tuple(postgres.command()),
                POSTGRES_ENVIRONMENT,
                postgres.user,
                "INT",
            )
        )
    if isinstance(valkey, Valkey):
        programs.append(Program(VALKEY, VALKEY, 20, tuple(valkey.command()), {}))
    return programs


@dataclass(frozen=True)
class Platform:
    """What the processes of one environment are told: servers, secrets, each other's addresses."""

    environment: Environment
    keys: Keyring
    postgres: PostgresServer
    valkey: RedisServer
    ports: dict[str, int]
    version: str

    def programs(self) -> list[Program]:
        """Build every copy of every process."""
        return [self._program(process, copy) for process, copy in copy_names(self.environment)]

    def _program(self, process: str, copy: int) -> Program:
        command = (sys.executable, "-m", "wallet_runtime", process)
        return Program(
            copy_name(process, copy), PLATFORM_GROUP, 30, command, self._variables(process, copy)
        )

    def _variables(self, process: str, copy: int) -> dict[str, str]:
        variables = {
            HOME_MARK: str(self.environment.home),
            "ENVIRONMENT": self.environment.kind,
            "VERSION": self.version,
            "PORT": str(self.ports[copy_name(process, copy)]),
            "COPY": str(copy),
            "DATABASE_URL": self._dsn(process, "platform"),
            "CONTROL_DATABASE_URL": self._dsn(process, "control"),
            BRAND_ENFORCEMENT_VARIABLE: BRAND_ENFORCEMENT,
        }
        if process in REDIS_USERS:
            variables["REDIS_URL"] = self.valkey.url(
                process, self._reveal(keyring.redis_password(process))
            )
        if process == WALLET_SERVICE:
            variables[ANCHOR_FILE_VARIABLE] = str(
                self.environment.home / "exports" / "ledger-anchors.ndjson"
            )
        # A copy calls the copy of the same number of every other process, so that all copies work without a balancer.
        variables |= {
            f"{other.upper()}_URL": copy_url(self.ports[copy_name(other, copy)])
            for other in API_PROCESSES
        }
        return variables | {
            name: self._reveal(name) for name, holders in HOLDERS.items() if process in holders
        }

    def _dsn(self, role: str, database: Database) -> str:
        return dsn(self.postgres, self.keys, role, database).reveal()

    def _reveal(self, name: str) -> str:
        return self.keys[name].reveal()


def dsn(postgres: PostgresServer, keys: Keyring, role: str, database: Database) -> Secret:
    """Build the connection URL of a role."""
    return Secret(
        postgres.dsn(role, keys[keyring.role_password(role)].reveal(), postgres.databases[database])
    )


def copy_url(port: int) -> str:
    """Build the address of a copy."""
    return f"http://{HOST}:{port}"


def log_file(home: Path, program: str) -> Path:
    """Name the file where a program's output goes."""
    return home / "logs" / f"{program}.log"
