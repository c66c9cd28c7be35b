"""Fixtures that every test may use. Servers start on first use, once per run, and are real."""

from collections.abc import Iterator

import pytest
import redis

from tests import cluster as servers
from tests.cluster import Cluster, TestDatabase

FIRST_REDIS_DATABASE = 1


def pytest_configure(config: pytest.Config) -> None:
    """Choose the folder of the run's servers in the process that starts the workers."""
    if not hasattr(config, "workerinput"):
        servers.make_folder()


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the run's servers when every worker has ended."""
    if not hasattr(config, "workerinput"):
        servers.stop()


@pytest.fixture(scope="session")
def cluster() -> Cluster:
    """The run's PostgreSQL and Valkey, without any database of ours in them."""
    return servers.connect()


@pytest.fixture(scope="session")
def platform_template(cluster: Cluster) -> Cluster:
    """The servers with the platform's schema migrated once, to be cloned."""
    servers.prepare(cluster, "platform")
    return cluster


@pytest.fixture(scope="session")
def control_template(platform_template: Cluster) -> Cluster:
    """The servers with the control schema migrated once, to be cloned; after the platform's, which makes the roles."""
    servers.prepare(platform_template, "control")
    return platform_template


@pytest.fixture
def platform_db(platform_template: Cluster) -> Iterator[TestDatabase]:
    """A migrated platform database of the test's own."""
    with platform_template.database("platform") as database:
        yield database


@pytest.fixture
def control_db(control_template: Cluster) -> Iterator[TestDatabase]:
    """A migrated control database of the test's own."""
    with control_template.database("control") as database:
        yield database


@pytest.fixture
def redis_url(cluster: Cluster, request: pytest.FixtureRequest) -> str:
    """The URL of an empty Valkey database that no other worker uses; emptied before each test."""
    worker = getattr(request.config, "workerinput", {}).get("workerid", "gw0")
    url = cluster.redis_url(FIRST_REDIS_DATABASE + int(worker.removeprefix("gw")))
    with redis.Redis.from_url(url) as client:
        client.flushdb()
    return url
