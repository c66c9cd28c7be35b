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
    """One entry of the environments file, and the folder where everything of it is kept on the operator's side.

    `copies` is how many copies of each process run, `seed_players` how many legacy players a new platform is given.
    With `confirm` a changing run must be confirmed by the environment's name. The URLs name servers that are not
    the driver's own, `database_url` as a superuser and with the platform's database; None means that the driver brings its own.
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
