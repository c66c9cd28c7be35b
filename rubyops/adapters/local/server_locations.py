"""The servers of an environment: its own, or external servers that a URL named at the first `up`.

The choice is stored and cannot change later.
"""

import json
from pathlib import Path

from rubyops.adapters.durable import read_state, replace_state
from rubyops.adapters.local.external_servers import ExternalPostgres, ExternalRedis
from rubyops.adapters.local.layout import POSTGRES, VALKEY
from rubyops.errors import UsageError
from rubyops.model.environment import Environment
from rubyops.model.secret import Secret

FILE = "servers.json"
REMEDY = (
    "It names the servers that hold the environment's data. Put a copy of it back: a JSON object "
    "with `database_url` and `redis_url`, each a URL, or null for a server of its own."
)


class ServerLocations:
    """The external servers of one environment; None for a server of its own."""

    def __init__(self, environment: Environment) -> None:
        """Use the URLs of the environment's configuration, or else the stored URLs.

        Raises `UsageError` when a URL names another server than the stored one. Raises
        `StateDamaged`.
        """
        self._file = environment.home / FILE
        remembered = _read(self._file)
        self.postgres = _postgres(environment, remembered)
        owner = self.postgres.where if self.postgres else f"{environment.home}"
        self.redis = _redis(environment, remembered, owner)

    @property
    def known(self) -> bool:
        """Whether the choice of servers is stored."""
        return self._file.exists()

    @property
    def own(self) -> list[str]:
        """The names of the environment's own servers."""
        servers = ((POSTGRES, self.postgres), (VALKEY, self.redis))
        return [name for name, external in servers if external is None]

    def remember(self) -> None:
        """Store the URLs (0600), so that later commands need no URL and use the same servers."""
        urls = {
            "database_url": self.postgres.url.reveal() if self.postgres else None,
            "redis_url": self.redis.admin_url.reveal() if self.redis else None,
        }
        if urls != _read(self._file):
            replace_state(self._file, json.dumps(urls, indent=2))


def _postgres(
    environment: Environment, remembered: dict[str, str | None]
) -> ExternalPostgres | None:
    named = ExternalPostgres(environment.database_url) if environment.database_url else None
    if "database_url" not in remembered:
        return named
    url = remembered["database_url"]
    before = ExternalPostgres(Secret(url)) if url else None
    _refuse_move(environment.name, "PostgreSQL", _where(before), _where(named))
    return named or before


def _redis(
    environment: Environment, remembered: dict[str, str | None], owner: str
) -> ExternalRedis | None:
    named = ExternalRedis(environment.redis_url, owner) if environment.redis_url else None
    if "redis_url" not in remembered:
        return named
    url = remembered["redis_url"]
    before = ExternalRedis(Secret(url), owner) if url else None
    _refuse_move(environment.name, "Redis", _where(before), _where(named))
    return named or before


def _where(server: ExternalPostgres | ExternalRedis | None) -> str | None:
    return server.where if server else None


def _refuse_move(name: str, server: str, before: str | None, named: str | None) -> None:
    """Raise `UsageError` when the configured server differs from the stored server.

    A missing URL is accepted. Another server would split the environment's data.
    """
    if named is not None and named != before:
        first = f"the {server} on {before}" if before else f"a {server} of its own"
        raise UsageError(
            f"Environment {name!r} was brought up with {first}, but is now told {named}. "
            "What it holds is in the first. Take the URL back, or use another environment."
        )


def _read(file: Path) -> dict[str, str | None]:
    return read_state(file, dict[str, str | None], REMEDY) or {}
