"""The addresses and secrets of an environment, read from the files of its folder."""

from pathlib import Path

from rubyops.adapters.local import keyring, layout
from rubyops.adapters.local.keyring import Keyring
from rubyops.adapters.local.layout import POSTGRES, VALKEY, PostgresServer, RedisServer
from rubyops.adapters.local.ports import PortBook
from rubyops.adapters.local.server_locations import ServerLocations
from rubyops.adapters.local.servers import REDIS_USERS, Postgres, Valkey
from rubyops.errors import NotThere, RubyopsError
from rubyops.model.environment import Environment
from rubyops.model.secret import Secret
from rubyops.ports import Database


class Addresses:
    """The addresses of one environment. Each method raises `NotThere` before the first `up`."""

    def __init__(self, environment: Environment) -> None:
        """Find the servers. Raises `UsageError` for an invalid URL, or a change of the server."""
        self.environment = environment
        self.locations = ServerLocations(environment)

    def keys(self) -> Keyring:
        """Read the secrets of the environment."""
        return Keyring(self.environment.home / "secrets.json")

    def ports(self) -> PortBook:
        """Read the remembered ports of the environment."""
        return PortBook(self.environment.home / "ports.json")

    def postgres(self) -> PostgresServer:
        """Return the environment's PostgreSQL server."""
        external = self.locations.postgres
        if external is None:
            return Postgres(Path(), self.environment.home / POSTGRES, self.port(POSTGRES))
        if not self.locations.known:
            raise self._never_up(POSTGRES)
        return external

    def redis(self) -> RedisServer:
        """Return the environment's Redis or Valkey server."""
        external = self.locations.redis
        if external is None:
            return Valkey(Path(), self.environment.home / VALKEY, self.port(VALKEY))
        if not self.locations.known:
            raise self._never_up(VALKEY)
        return external

    def dsn(self, role: str, database: Database) -> Secret:
        """Return the connection URL of a role."""
        return layout.dsn(self.postgres(), self.keys(), role, database)

    def redis_url(self, user: str) -> Secret:
        """Return the URL of a Redis user."""
        _refuse_unknown(user)
        server = self.redis()
        password = self.keys()[keyring.redis_password(user)].reveal()
        return Secret(server.url(user, password))

    def port(self, name: str) -> int:
        """Return the port of a server or a copy."""
        port = self.ports().remembered(name)
        if port is None:
            raise self._never_up(name)
        return port

    def _never_up(self, name: str) -> NotThere:
        environment = self.environment.name
        return NotThere(
            f"Environment {environment!r} has no {name}: it was never brought up.",
            next_command=f"rubyops up -e {environment}",
        )


def _refuse_unknown(user: str) -> None:
    if user not in REDIS_USERS:
        raise RubyopsError(f"No Redis user is named {user!r}; known are {', '.join(REDIS_USERS)}.")
