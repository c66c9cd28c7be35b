"""Which servers an environment lives on: its own, or those that a URL named when it was first brought up. It does not change later."""

import json
from pathlib import Path

from rubyops.adapters.durable import read_state, replace_state
from rubyops.adapters.local.given import GivenPostgres, GivenRedis
from rubyops.adapters.local.layout import POSTGRES, VALKEY
from rubyops.errors import UsageError
from rubyops.model.environment import Environment
from rubyops.model.secret import Secret

FILE = "servers.json"
REMEDY = (
    "It names the servers that hold the environment's data. Put a copy of it back: a JSON object "
    "with `database_url` and `redis_url`, each a URL, or null for a server of its own."
)


class Places:
    """The given servers of one environment; None where it has its own."""

    def __init__(self, environment: Environment) -> None:
        """Take the URLs of the environment, or those remembered.

        Raises `UsageError` when they name another place than was remembered, `StateDamaged`.
        """
        self._file = environment.home / FILE
        known = _read(self._file)
        self.postgres = self._postgres(environment, known)
        self.redis = self._redis(environment, known)

    @property
    def known(self) -> bool:
        """Whether the environment has moved in."""
        return self._file.exists()

    @property
    def own(self) -> list[str]:
        """The programs of the servers that are the environment's own."""
        return [
            name
            for name, given in ((POSTGRES, self.postgres), (VALKEY, self.redis))
            if given is None
        ]

    def remember(self) -> None:
        """Keep the URLs (0600), so that later commands need not be told again, and cannot be led elsewhere."""
        urls = {
            "database_url": self.postgres.url.reveal() if self.postgres else None,
            "redis_url": self.redis.given.reveal() if self.redis else None,
        }
        if urls == _read(self._file):
            return
        replace_state(self._file, json.dumps(urls, indent=2))

    def _postgres(
        self, environment: Environment, known: dict[str, str | None]
    ) -> GivenPostgres | None:
        named = GivenPostgres(environment.database_url) if environment.database_url else None
        if "database_url" not in known:
            return named
        before = GivenPostgres(Secret(url)) if (url := known["database_url"]) else None
        _refuse_move(
            environment.name,
            "PostgreSQL",
            before.where if before else None,
            named.where if named else None,
        )
        return named or before

    def _redis(self, environment: Environment, known: dict[str, str | None]) -> GivenRedis | None:
        owner = self.postgres.where if self.postgres else f"{environment.home}"
        named = GivenRedis(environment.redis_url, owner) if environment.redis_url else None
        if "redis_url" not in known:
            return named
        before = GivenRedis(Secret(url), owner) if (url := known["redis_url"]) else None
        _refuse_move(
            environment.name,
            "Redis",
            before.where if before else None,
            named.where if named else None,
        )
        return named or before


def _refuse_move(name: str, server: str, before: str | None, named: str | None) -> None:
    """Let a URL go that is not set any more; one that names another place would split the environment in two."""
    if named is not None and named != before:
        first = f"the {server} on {before}" if before else f"a {server} of its own"
        raise UsageError(
            f"Environment {name!r} was brought up with {first}, but is now told {named}. "
            "What it holds is in the first. Take the URL back, or use another environment."
        )


def _read(file: Path) -> dict[str, str | None]:
    return read_state(file, dict[str, str | None], REMEDY) or {}
