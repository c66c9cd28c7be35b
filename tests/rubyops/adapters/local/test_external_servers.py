"""An environment on external servers creates its databases there and never stops the servers."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import psycopg
import pytest
import redis

from rubyops import config
from rubyops.adapters import migrations
from rubyops.adapters.local.driver import LocalDriver
from rubyops.adapters.local.external_servers import OWNER_KEY, ExternalPostgres, ExternalRedis
from rubyops.adapters.local.keyring import LOGIN_ROLES
from rubyops.adapters.local.servers import READ_USER, SERVICES_USER, SUPERUSER
from rubyops.errors import Refused, Unreachable, UsageError
from rubyops.model.environment import Environment
from rubyops.model.secret import Secret
from tests.cluster import PASSWORD, Cluster
from wallet_runtime.contract.processes import PROCESSES, WALLET_SERVICE

PASSWORDS = dict.fromkeys(LOGIN_ROLES, PASSWORD)
USERS = {SERVICES_USER: "one", READ_USER: "two"}
NOBODY = "127.0.0.1:1"


def quiet(_: str) -> None:
    """Ignore progress."""


@pytest.fixture
def external(platform_template: Cluster) -> ExternalPostgres:
    """The run's PostgreSQL with its roles, and the name of a database that does not exist yet."""
    database = platform_template.database_name("external")
    return ExternalPostgres(Secret(platform_template.postgres.dsn(SUPERUSER, PASSWORD, database)))


@pytest.fixture
def environment(control_template: Cluster, homes: Path) -> Environment:
    """An environment on the run's servers."""
    named = config.environment("local")
    urls = control_template.servers_for(named.home)
    return replace(
        named, database_url=Secret(urls["database_url"]), redis_url=Secret(urls["redis_url"])
    )


@contextmanager
def database_with(external: ExternalPostgres, statement: str) -> Iterator[None]:
    """Create the named database with a table of somebody else."""
    superuser = external.dsn(SUPERUSER, PASSWORD, migrations.MAINTENANCE_DATABASE)
    migrations.ensure_database(superuser, external.databases["platform"])
    with psycopg.connect(
        external.dsn(SUPERUSER, PASSWORD, external.databases["platform"])
    ) as connection:
        connection.execute(statement.encode())
    yield


@pytest.mark.slow
def test_environment_comes_up_on_given_servers_and_leaves_them_running(
    environment: Environment,
) -> None:
    driver = LocalDriver(environment)
    with pytest.raises(Unreachable, match="never brought up"):
        driver.dsn("rubyops_read", "platform")
    with pytest.raises(Unreachable, match="never brought up"):
        driver.redis_url()
    try:
        driver.ensure_up(quiet)
        assert driver.is_up()
        assert {copy.process for copy in driver.copies()} == set(PROCESSES)
        assert httpx.get(
            f"{driver.process_url(WALLET_SERVICE)}/health", trust_env=False
        ).status_code
        assert not (environment.home / "postgres").exists()
        assert not (environment.home / "valkey").exists()
        assert (environment.home / "servers.json").stat().st_mode & 0o077 == 0
        # Later commands find the servers by servers.json, and refuse the URLs of other servers.
        told_nothing = LocalDriver(replace(environment, database_url=None, redis_url=None))
        assert told_nothing.dsn("rubyops_read", "control") == driver.dsn("rubyops_read", "control")
        for other in (
            replace(environment, database_url=Secret("postgresql://a:b@elsewhere/ruby")),
            replace(environment, redis_url=Secret("redis://elsewhere/0")),
        ):
            with pytest.raises(
                UsageError, match="was brought up with the .* but is now told elsewhere"
            ):
                LocalDriver(other)
    finally:
        assert driver.down()
    assert not driver.is_up()
    with psycopg.connect(driver.dsn("rubyops_read", "platform")) as connection:
        assert (
            connection.execute("SELECT freeze_level FROM wallet.wallet_gate").fetchone() is not None
        )
    with redis.Redis.from_url(driver.redis_url()) as client:
        assert client.exists(OWNER_KEY)


def test_environment_with_servers_of_its_own_is_not_led_to_given_ones(homes: Path) -> None:
    environment = config.environment("local")
    environment.home.mkdir()
    LocalDriver(environment)._addresses.locations.remember()
    with pytest.raises(
        UsageError,
        match="brought up with a PostgreSQL of its own, but is now told elsewhere:5432/ruby",
    ):
        LocalDriver(replace(environment, database_url=Secret("postgresql://a:b@elsewhere/ruby")))


@pytest.mark.parametrize(
    "url", ["", "mysql://a@b/c", "postgresql:///ruby", "postgresql://a@b", "postgresql://a@b/c/d"]
)
def test_postgres_url_that_does_not_say_everything_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match="DATABASE_URL"):
        ExternalPostgres(Secret(url))


@pytest.mark.parametrize("url", ["", "http://a/0", "redis:///0", "redis://a/zero"])
def test_redis_url_that_does_not_say_everything_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match="REDIS_URL"):
        ExternalRedis(Secret(url), "me")


def test_an_odd_password_of_the_superuser_is_kept_and_shown_to_nobody() -> None:
    external = ExternalPostgres(Secret("postgresql://boss:p%40ss%2F@db:6000/ruby?sslmode=require"))
    assert (
        external.dsn(SUPERUSER, "", "postgres")
        == "postgresql://boss:p%40ss%2F@db:6000/postgres?sslmode=require"
    )
    assert (
        external.dsn("gateway", "own", "ruby_control")
        == "postgresql://gateway:own@db:6000/ruby_control?sslmode=require"
    )
    assert (external.where, dict(external.databases)) == (
        "db:6000/ruby",
        {"platform": "ruby", "control": "ruby_control"},
    )


def test_empty_server_with_our_passwords_is_accepted(external: ExternalPostgres) -> None:
    external.accept(PASSWORDS)


def test_roles_of_another_environment_are_refused(external: ExternalPostgres) -> None:
    with pytest.raises(Refused, match="has the roles gateway with other passwords"):
        external.accept({**PASSWORDS, "gateway": "another"})


def test_database_of_somebody_else_is_refused(external: ExternalPostgres) -> None:
    with (
        database_with(external, "CREATE TABLE theirs (n int)"),
        pytest.raises(Refused, match=r"holds public\.theirs, which is not ours"),
    ):
        external.accept(PASSWORDS)


def test_whoever_is_no_superuser_is_refused(external: ExternalPostgres) -> None:
    url = external.dsn("gateway", PASSWORD, "ruby")
    with pytest.raises(Refused, match="'gateway' is no superuser"):
        ExternalPostgres(Secret(url)).accept(PASSWORDS)


def test_servers_that_do_not_answer_are_unreachable() -> None:
    with pytest.raises(Unreachable, match="PostgreSQL on 127"):
        ExternalPostgres(Secret(f"postgresql://a:b@{NOBODY}/ruby")).accept(PASSWORDS)
    with pytest.raises(Unreachable, match="Redis on 127"):
        ExternalRedis(Secret(f"redis://{NOBODY}/0"), "me").configure(USERS)


@pytest.fixture
def logical(cluster: Cluster) -> Iterator[ExternalRedis]:
    """An empty logical Redis database, known by its URL."""
    external = ExternalRedis(
        cluster.redis(cluster.take_logical_database()).admin_url, "db:5432/ruby"
    )
    yield external
    with redis.Redis.from_url(external.admin_url) as client:
        client.flushdb()


def test_logical_database_is_taken_once_and_its_users_are_its_own(logical: ExternalRedis) -> None:
    for _ in range(2):
        logical.configure(USERS)
    with redis.Redis.from_url(logical.url(SERVICES_USER, "one")) as client:
        client.set("key", "value")
    with redis.Redis.from_url(logical.url(READ_USER, "two")) as reader:
        assert reader.get("key") == b"value"
        with pytest.raises(redis.exceptions.NoPermissionError):
            reader.set("key", "other")
    logical.configure(USERS)
    with pytest.raises(Refused, match="belongs to the platform on db:5432/ruby"):
        ExternalRedis(logical.admin_url, "db:5432/other").configure(USERS)


def test_logical_database_with_keys_of_somebody_else_is_refused_and_left_alone(
    logical: ExternalRedis,
) -> None:
    with redis.Redis.from_url(logical.admin_url) as client:
        client.set("theirs", "1")
        with pytest.raises(Refused, match="holds keys that are not ours"):
            logical.configure(USERS)
        assert client.keys() == [b"theirs"]


def test_redis_user_who_may_not_manage_users_is_refused(logical: ExternalRedis) -> None:
    logical.configure(USERS)
    reader = ExternalRedis(Secret(logical.url(READ_USER, "two")), logical.owner)
    with pytest.raises(Refused, match="refused to make the environment's users"):
        reader.configure(USERS)
