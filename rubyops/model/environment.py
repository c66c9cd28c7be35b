"""An environment: which platform a command acts on."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rubyops.model.secret import Secret

EnvironmentKind = Literal["local", "staging", "production"]
DriverName = Literal["local"]
TopologyCode = Literal["RUBY_SPLIT_V1", "RUBY_UNIFIED_V1"]

DEFAULT_ENVIRONMENT = "local"  # the one that is meant where none is named


@dataclass(frozen=True)
class Environment:
    """One entry of the environments file.

    `home` is the folder where the operator keeps everything of it. `copies` is the number of copies
    of each process, `seed_players` the number of legacy players that a new platform is given.
    With `confirm` a changing run must be confirmed by the environment's name. The URLs name servers
    that are not the driver's own, `database_url` as a superuser and with the platform's database;
    with None the driver brings its own.
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
