"""Fixtures for every test: the run's real servers, which start on first use."""

import gc
import os
from collections.abc import Generator, Iterator

import pytest
import redis

from rubyops import config as product
from tests import alone, sources
from tests import cluster as servers
from tests.cluster import Cluster, TestDatabase

EMBEDDED_ONLY = "embedded_only"
# Test files that take half a minute or more in a whole run, the longest first. The first file rolls
# out the split platform, and later files copy that platform.
LONGEST = (
    "acceptance/test_flows_on_split.py",
    "histories/test_postgresql.py",
    "histories/test_rules.py",
    "acceptance/test_flows_on_unified.py",
    "acceptance/test_gates.py",
    "acceptance/test_thaw.py",
    "acceptance/test_vanishing.py",
    "acceptance/test_kill_before_effects.py",
    "acceptance/test_kill_after_effects.py",
    "acceptance/test_half_thaw.py",
    "acceptance/test_suites.py",
    "acceptance/test_brake.py",
    "acceptance/test_tier2.py",
    "acceptance/test_dry_run.py",
    "acceptance/test_rollout.py",
    "acceptance/test_topology_move.py",
    "acceptance/test_false_alarms.py",
    "acceptance/test_server_faults.py",
    "acceptance/test_outages.py",
    "acceptance/test_other_code.py",
    "acceptance/test_mute_driver.py",
    "histories/test_bugs_in_the_database.py",
    "histories/test_bugs_in_the_rules.py",
    "local/test_driver.py",
    "wallet/test_races.py",
    "test_losses.py",
    "adapters/test_whole_suite.py",
    "checks/test_gate_04.py",
    "adapters/test_suites.py",
    "test_no_secret_answers.py",
    "journal/test_evidence.py",
    "journal/test_readers.py",
    "cli/test_console.py",
    "wallet/test_tampering.py",
)


def pytest_configure(config: pytest.Config) -> None:
    """Choose the run's servers, in the main process.

    Every process drops the variables that name a person's own servers, so that no test uses those.
    """
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
    """Start the longest files first, and skip `embedded_only` tests on other servers.

    Workers take whole files. A long file that started last would keep the run waiting.
    """
    items.sort(key=_turn)
    for item in items:
        mark = item.get_closest_marker(EMBEDDED_ONLY)
        if mark and sources.name() != "embedded":
            item.add_marker(pytest.mark.skip(reason=f"{EMBEDDED_ONLY}: {mark.kwargs['reason']}"))


def pytest_collection_finish() -> None:
    """Exclude the collected tests from garbage collection.

    A worker holds thousands of test items for the whole run. Full collections that walked them took
    a sixth of its CPU time.
    """
    gc.collect()
    gc.freeze()


def _turn(item: pytest.Item) -> tuple[int, bool]:
    path = str(item.path)
    named = (number for number, name in enumerate(LONGEST) if path.endswith(f"/{name}"))
    return next(named, len(LONGEST)), item.get_closest_marker("slow") is None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Run a test that changes roles while no other test runs on the same server."""
    exclusive = item.get_closest_marker("alters_roles") is not None
    with alone.turn(exclusive=exclusive, on_a_platform=item.path.parent.name == "acceptance"):
        return (yield)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print which servers the tests ran on, and how many tests were skipped there and why."""
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
    """The run's PostgreSQL and Redis; their templates may not be migrated yet."""
    return servers.connect()


@pytest.fixture(scope="session")
def platform_template(cluster: Cluster) -> Cluster:
    """The servers, with the migrated template of the platform database."""
    servers.prepare(cluster, "platform")
    return cluster


@pytest.fixture(scope="session")
def control_template(platform_template: Cluster) -> Cluster:
    """The servers, with the migrated templates of both databases.

    The platform is migrated first, because its migrations create the roles.
    """
    servers.prepare(platform_template, "control")
    return platform_template


@pytest.fixture
def platform_db(platform_template: Cluster) -> Iterator[TestDatabase]:
    """A migrated platform database for one test."""
    with platform_template.database("platform") as database:
        yield database


@pytest.fixture
def control_db(control_template: Cluster) -> Iterator[TestDatabase]:
    """A migrated control database for one test."""
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
