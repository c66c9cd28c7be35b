"""Prepares an environment for its start: its folders, secrets, servers and ports."""

from collections.abc import Callable, Collection
from pathlib import Path

from rubyops.adapters.local import binaries, keyring, layout
from rubyops.adapters.local.addresses import Addresses
from rubyops.adapters.local.code_version import code_version
from rubyops.adapters.local.keyring import Keyring
from rubyops.adapters.local.layout import (
    POSTGRES,
    VALKEY,
    Platform,
    PostgresServer,
    RedisServer,
    copy_name,
)
from rubyops.adapters.local.ports import PortBook
from rubyops.adapters.local.servers import REDIS_USERS, SUPERUSER, Postgres, Valkey
from rubyops.errors import RubyopsError
from rubyops.model.environment import Environment

FOLDERS = ("logs", "journal", "exports", "results")


def prepare(addresses: Addresses, find_running: Callable[[], Collection[str]]) -> Platform:
    """Create what the environment lacks, and return the configuration that is to run.

    `find_running` returns the names of the programs that run; these keep their ports.
    """
    environment = addresses.environment
    for folder in FOLDERS:
        (environment.home / folder).mkdir(mode=0o700, exist_ok=True)
    keys = _complete_keys(addresses)
    book, running = addresses.ports(), find_running()

    postgres = _prepare_postgres(addresses, keys, book, running)
    redis = _prepare_redis(addresses, keys, book, running)
    addresses.locations.remember()

    ports = _copy_ports(environment, book, running)
    return Platform(environment, keys, postgres, redis, ports, code_version())


def _copy_ports(
    environment: Environment, book: PortBook, running: Collection[str]
) -> dict[str, int]:
    names = [copy_name(*parts) for parts in layout.copy_names(environment)]
    return {name: book.usable(name, ours=name in running) for name in names}


def _complete_keys(addresses: Addresses) -> Keyring:
    """Generate missing secrets. Raises `RubyopsError` if the passwords of databases are lost."""
    home, keys = addresses.environment.home, addresses.keys()
    if keys.empty and (addresses.locations.known or (home / POSTGRES / "PG_VERSION").exists()):
        raise RubyopsError(
            f"{home} has databases but secrets.json, which has their passwords, is gone. "
            f"Put it back, or remove {home} to begin anew without its data."
        )
    keys.complete()
    return keys


def _prepare_postgres(
    addresses: Addresses, keys: Keyring, book: PortBook, running: Collection[str]
) -> PostgresServer:
    """Create the environment's own cluster, or check that the external server is fit for use."""
    external = addresses.locations.postgres
    if external is not None:
        external.accept(keys.role_passwords())
        return external
    port = book.usable(POSTGRES, ours=POSTGRES in running)
    return _create_postgres(addresses.environment.home, keys, port)


def _create_postgres(home: Path, keys: Keyring, port: int) -> Postgres:
    programs = binaries.runnable_postgres_bin(home.parent)
    postgres = Postgres(programs, home / POSTGRES, port)
    postgres.create(keys[keyring.role_password(SUPERUSER)].reveal())
    return postgres


def _prepare_redis(
    addresses: Addresses, keys: Keyring, book: PortBook, running: Collection[str]
) -> RedisServer:
    """Configure the environment's own server, or create its users on the external server."""
    redis: RedisServer | None = addresses.locations.redis
    if redis is None:
        port = book.usable(VALKEY, ours=VALKEY in running)
        redis = Valkey(binaries.valkey_server(), addresses.environment.home / VALKEY, port)
    redis.configure({user: keys[keyring.redis_password(user)].reveal() for user in REDIS_USERS})
    return redis
