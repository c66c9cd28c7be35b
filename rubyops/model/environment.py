"""An environment: one platform that commands act on."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rubyops.model.secret import Secret

EnvironmentKind = Literal["local", "staging", "production"]
DriverName = Literal["local"]
TopologyCode = Literal["RUBY_SPLIT_V1", "RUBY_UNIFIED_V1"]

DEFAULT_ENVIRONMENT = "local"  # used when the command line names no environment


@dataclass(frozen=True)
class Environment:
    """One entry of the environments file.

    `home` is the folder for journals, exports and other files of the environment. `copies` is the
    number of copies of each process. `seed_players` is the number of legacy players that a new
    platform gets. With `confirm` the user must type the environment's name before a changing run.
    The URLs name existing servers; `database_url` logs in as a superuser to the platform's
    database. Without a URL the driver starts a server of its own.
    """

    name: str
    kind: EnvironmentKind
    driver: DriverName
    topology: TopologyCode
    copies: int
    seed_players: int
    confirm: bool
    home: Path
    database_url: Secret | None = None
    redis_url: Secret | None = None
