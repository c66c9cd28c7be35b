"""External servers, named by a URL, and the conditions under which an environment may use them.

An environment takes two databases, the platform's roles, and one logical Redis database with its
users. It touches nothing else. Roles belong to the whole PostgreSQL server, so environments that
share a server must have the same passwords of roles. Otherwise the second one is refused.
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urlsplit, urlunsplit

import psycopg

import sql
from rubyops.adapters.bounded import Watch, within
from rubyops.adapters.connections import BoundConnection, open_session
from rubyops.adapters.local.servers import ACCESS_RULES, SUPERUSER
from rubyops.adapters.local.waiting import Waiting
from rubyops.adapters.streams import TIMEOUT_SECONDS, redis_client
from rubyops.errors import Refused, Unreachable, UsageError
from rubyops.model.secret import Secret
from rubyops.ports import Database

if TYPE_CHECKING:
    import redis

OWNER_KEY = "rubyops:environment"  # the key whose value names the database's platform
MAINTENANCE_DATABASE = "postgres"
OLDEST_POSTGRES, OLDEST_REDIS = 15, 7
CALL_SECONDS = 10.0


@dataclass(frozen=True)
class ExternalPostgres:
    """A PostgreSQL server, given by a superuser's URL whose path names the platform's database.

    `control` is another database of the same server.
    """

    url: Secret

    def __post_init__(self) -> None:
        """Raise `UsageError` for a URL without a host or a database."""
        parts = _split(
            self.url,
            ("postgresql", "postgres"),
            "DATABASE_URL (database_url)",
            "postgresql://SUPERUSER:PASSWORD@HOST:PORT/DATABASE",
        )
        if not parts.path.strip("/") or "/" in parts.path[1:]:
            raise UsageError(
                f"DATABASE_URL (database_url) names no database on {parts.hostname}: "
                "postgresql://.../DATABASE is needed."
            )

    @property
    def databases(self) -> Mapping[Database, str]:
        """The names of both databases on the server."""
        name = urlsplit(self.url.reveal()).path[1:]
        return {"platform": name, "control": f"{name}_control"}

    @property
    def where(self) -> str:
        """The server and the platform's database, without a password."""
        parts = urlsplit(self.url.reveal())
        return f"{parts.hostname}:{parts.port or 5432}/{self.databases['platform']}"

    def dsn(self, role: str, password: str, database: str) -> str:
        """Build the connection URL of a role.

        The superuser's URL keeps the user and the password of the external URL.
        """
        parts = urlsplit(self.url.reveal())
        own = f"{role}:{password}@{parts.netloc.rpartition('@')[2]}"
        netloc = parts.netloc if role == SUPERUSER else own
        return urlunsplit(parts._replace(netloc=netloc, path=f"/{database}"))

    def accept(self, passwords: Mapping[str, str]) -> None:
        """Raise `Refused` unless an environment with these passwords can use the server.

        The server must be new enough, and the URL must be a superuser's. The databases and roles
        must be missing, or must be ours. Raises `Unreachable`.
        """
        try:
            with self._asking(MAINTENANCE_DATABASE) as connection:
                self._refuse_unfit(connection)
                self._refuse_foreign_roles(connection, passwords)
                present = self._present_databases(connection)
            for database in present:
                self._refuse_filled(database)
        except psycopg.OperationalError as fault:
            raise Unreachable(f"PostgreSQL on {self.where} cannot be reached: {fault}") from fault

    def _refuse_unfit(self, connection: BoundConnection) -> None:
        major = connection.info.server_version // 10_000
        if major < OLDEST_POSTGRES:
            raise Refused(
                f"PostgreSQL on {self.where} is version {major}; "
                f"{OLDEST_POSTGRES} or newer is needed."
            )
        if connection.info.parameter_status("is_superuser") != "on":
            raise Refused(
                f"{connection.info.user!r} is no superuser of PostgreSQL on {self.where}; "
                "roles and guards need one."
            )

    def _refuse_foreign_roles(
        self, connection: BoundConnection, passwords: Mapping[str, str]
    ) -> None:
        others = _foreign_roles(connection, passwords)
        if others:
            raise Refused(
                f"PostgreSQL on {self.where} has the roles {', '.join(others)} with other "
                "passwords: another environment lives there. Roles belong to the whole server. "
                "Name another server, or begin this environment's secrets.json with the "
                "DATABASE_PASSWORD_* lines of the other one's."
            )

    def _present_databases(self, connection: BoundConnection) -> list[str]:
        query = sql.query("database_exists")
        names = self.databases.values()
        return [name for name in names if connection.execute(query, {"name": name}).fetchone()]

    def _refuse_filled(self, database: str) -> None:
        with self._asking(database) as connection:
            foreign = connection.execute(sql.query("foreign_tables_of_database")).fetchone()
        if foreign:
            raise Refused(
                f"The database {database!r} on {self.where} holds {foreign[0]}, which is not ours. "
                "Name another database."
            )

    def _asking(self, database: str) -> BoundConnection:
        dsn = self.dsn(SUPERUSER, "", database)
        return open_session(dsn, f"PostgreSQL on {self.where}", seconds=CALL_SECONDS)

    def await_ready(self, password: str, seconds: float, waiting: Waiting | None = None) -> None:
        """Return at once: `accept` has already connected to the server."""


@dataclass(frozen=True)
class ExternalRedis:
    """A Redis or Valkey server, given by the URL of a user who may create users.

    The path of `admin_url` is the number of the logical database, 0 without a path. `owner` is
    stored in the logical database, so that a refusal can name the platform that uses it.
    """

    admin_url: Secret
    owner: str

    def __post_init__(self) -> None:
        """Raise `UsageError` for a URL without a host, or with a path that is no number."""
        parts = _split(
            self.admin_url,
            ("redis", "rediss"),
            "REDIS_URL (redis_url)",
            "redis://:PASSWORD@HOST:PORT/NUMBER",
        )
        if parts.path.strip("/") and not parts.path[1:].isdecimal():
            raise UsageError(
                f"REDIS_URL (redis_url) ends in {parts.path!r}; "
                "the number of a logical database is needed, such as /0."
            )

    @property
    def number(self) -> int:
        """The number of the logical database."""
        return int(urlsplit(self.admin_url.reveal()).path[1:] or 0)

    @property
    def where(self) -> str:
        """The server and the logical database, without a password."""
        parts = urlsplit(self.admin_url.reveal())
        return f"{parts.hostname}:{parts.port or 6379}/{self.number}"

    def user(self, user: str) -> str:
        """Return the server's name of a user. The number avoids a clash with other environments."""
        return f"{user}-{self.number}"

    def url(self, user: str, password: str) -> str:
        """Build the connection URL of a user."""
        parts = urlsplit(self.admin_url.reveal())
        netloc = f"{self.user(user)}:{password}@{parts.netloc.rpartition('@')[2]}"
        return urlunsplit(parts._replace(netloc=netloc, path=f"/{self.number}"))

    def configure(self, passwords: Mapping[str, str]) -> None:
        """Claim the logical database and create its users.

        Raises `Refused` when another platform has claimed the database, or when it holds other
        keys.
        """
        import redis

        client = redis_client(self.admin_url.reveal(), TIMEOUT_SECONDS, text=True)
        watch = Watch(TIMEOUT_SECONDS, self._late)
        try:
            within(watch, lambda: self._configure(client, passwords), lambda _: None)
        except redis.ResponseError as fault:
            raise Refused(
                f"Redis on {self.where} refused to make the environment's users: {fault}."
            ) from fault
        except redis.RedisError as fault:
            raise Unreachable(f"Redis on {self.where} cannot be reached: {fault}") from fault

    def _late(self, seconds: float) -> Exception:
        return Unreachable(f"Redis on {self.where} did not answer within {seconds:g} s")

    def _configure(self, client: "redis.Redis", passwords: Mapping[str, str]) -> None:
        with client:
            self._refuse_old(client)
            self._claim(client)
            for user, password in passwords.items():
                self._set_user(client, user, password)

    def _refuse_old(self, client: "redis.Redis") -> None:
        version = str(client.info("server")["redis_version"])
        if int(version.partition(".")[0]) < OLDEST_REDIS:
            raise Refused(
                f"Redis on {self.where} is version {version}; {OLDEST_REDIS} or newer is needed."
            )

    def _set_user(self, client: "redis.Redis", user: str, password: str) -> None:
        digest = hashlib.sha256(password.encode()).hexdigest()
        rules = ("reset", "on", f"#{digest}", *ACCESS_RULES[user].split())
        execute: Any = client.execute_command
        execute("ACL", "SETUSER", self.user(user), *rules)

    def _claim(self, client: "redis.Redis") -> None:
        database = f"Logical database {self.number} of Redis on {self.where}"
        if client.set(OWNER_KEY, self.owner, nx=True):
            if client.dbsize() == 1:
                return
            client.delete(OWNER_KEY)
            raise Refused(f"{database} holds keys that are not ours. Name an empty one.")
        owner: object = client.get(OWNER_KEY)
        if owner != self.owner:
            raise Refused(f"{database} belongs to the platform on {owner}. Name another one.")

    def await_ready(self, password: str, seconds: float, waiting: Waiting | None = None) -> None:
        """Return at once: `configure` has already connected to the server."""


def _split(url: Secret, schemes: tuple[str, ...], name: str, form: str) -> SplitResult:
    parts = urlsplit(url.reveal())
    if parts.scheme not in schemes or not parts.hostname:
        raise UsageError(f"{name} is not a URL of the form {form}.")
    return parts


def _foreign_roles(connection: BoundConnection, passwords: Mapping[str, str]) -> list[str]:
    """Name the roles of the server that have other passwords than these."""
    stored = connection.execute(sql.query("role_verifiers"), {"roles": list(passwords)})
    return [
        role
        for role, verifier in stored.fetchall()
        if verifier is not None and not _is_of(verifier, passwords[role])
    ]


def _is_of(verifier: str, password: str) -> bool:
    """Whether a stored SCRAM verifier was made from this password.

    A verifier has the form `SCRAM-SHA-256$iterations:salt$stored:server`.
    """
    mechanism, _, rest = verifier.partition("$")
    if mechanism != "SCRAM-SHA-256":
        return False
    costs, _, keys = rest.partition("$")
    iterations, _, salt = costs.partition(":")
    expected = _stored_key(password, base64.b64decode(salt), int(iterations))
    return hmac.compare_digest(expected, base64.b64decode(keys.partition(":")[0]))


def _stored_key(password: str, salt: bytes, iterations: int) -> bytes:
    """Derive SCRAM's stored key (RFC 5802)."""
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, iterations)
    return hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
