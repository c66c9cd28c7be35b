"""Fixtures that every test may use, on servers of the run's source. They are real, and started on first use, once per run."""

import os
from collections.abc import Generator, Iterator

import pytest
import redis

from rubyops import config as product
from tests import alone, sources
from tests import cluster as servers
from tests.cluster import Cluster, TestDatabase

EMBEDDED_ONLY = "embedded_only"
# Files that take minutes, the longest first.
LONGEST = (
    "test_flows_on_split.py",
    "test_histories.py",
    "test_gates.py",
    "test_flows_on_unified.py",
)


def pytest_configure(config: pytest.Config) -> None:
    """Choose the servers of the run in the process that starts the workers; a variable that names a person's own is not for tests."""
    for variable in product.URL_VARIABLES.values():
        os.environ.pop(variable, None)
    if not hasattr(config, "workerinput"):
        try:
            servers.make_folder()
        except sources.NotUsable as fault:
            raise pytest.UsageError(str(fault)) from None


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the run's servers when every worker has ended."""
    if not hasattr(config, "workerinput"):
        servers.stop()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out, on other sources, what only the embedded servers can show; the reasons are told at the end of the run.

    Workers take whole files. Those with slow tests come first, so that none of them is alone at the end.
    """
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    turns = {name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: (item.path not in slow, turns.get(item.path.name, len(turns))))
    for item in items:
        mark = item.get_closest_marker(EMBEDDED_ONLY)
        if mark and sources.name() != "embedded":
            item.add_marker(pytest.mark.skip(reason=f"{EMBEDDED_ONLY}: {mark.kwargs['reason']}"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Run a test that changes a role for everybody while no other test runs on the same server."""
    exclusive = item.get_closest_marker("alters_roles") is not None
    with alone.turn(exclusive=exclusive, on_a_platform=item.path.parent.name == "acceptance"):
        return (yield)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say which servers the tests ran on, and what was left out there."""
    left_out: dict[str, int] = {}
    for report in terminalreporter.stats.get("skipped", []):
        reason = str(report.longrepr[2]) if isinstance(report.longrepr, tuple) else ""
        if EMBEDDED_ONLY in reason:
            left_out[reason] = left_out.get(reason, 0) + 1
    told = [f"servers: {sources.name()}, {servers.versions() or 'not asked for'}"]
    told += [
        f"{count} not run here, {reason.removeprefix('Skipped: ')}"
        for reason, count in left_out.items()
    ]
    terminalreporter.write_line("; ".join(told))


@pytest.fixture(scope="session")
def cluster() -> Cluster:
    """The run's PostgreSQL and Redis, without any database of ours in them."""
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


@pytest.fixture(scope="session")
def logical_database(cluster: Cluster) -> int:
    """The number of a logical Redis database that no other worker uses."""
    return servers.prepare_redis(cluster)


@pytest.fixture
def redis_url(cluster: Cluster, logical_database: int) -> str:
    """The URL of the worker's logical Redis database, emptied before each test."""
    url = cluster.redis_url(logical_database)
    with redis.Redis.from_url(url) as client:
        client.flushdb()
    return url
