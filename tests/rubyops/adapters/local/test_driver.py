"""The local driver on a real platform: up, down, taken ports, killed servers and supervisors."""

import os
import shutil
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psycopg
import pytest
import redis

from rubyops import config
from rubyops.adapters.http import GetClient
from rubyops.adapters.local import orphans
from rubyops.adapters.local.driver import LocalDriver
from rubyops.adapters.local.keyring import LOGIN_ROLES
from rubyops.adapters.local.ports import is_free
from rubyops.adapters.local.servers import HOST, SUPERUSER
from rubyops.errors import Unreachable, UsageError
from sql.code import LEFT_OUT, PACKAGES, ROOT, code_digest
from wallet_runtime.contract.processes import PROCESSES

pytestmark = [pytest.mark.slow, pytest.mark.fault]


def quiet(_: str) -> None:
    """Ignore progress."""


@pytest.fixture
def driver(homes: Path) -> Iterator[LocalDriver]:
    driver = LocalDriver(config.environment("local"))
    yield driver
    driver.down()


def until(holds: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def write(driver: LocalDriver, text: str) -> object:
    with psycopg.connect(driver.dsn(SUPERUSER, "platform")) as connection:
        cursor = connection.execute(text.encode())
        return cursor.fetchone() if cursor.description else None


def ports(driver: LocalDriver) -> dict[str, int]:
    urls = {copy.process: copy.url for copy in driver.copies()} | {
        "redis": driver.redis_url().reveal().rpartition("/")[0]
    }
    return {name: int(url.rpartition(":")[2]) for name, url in urls.items()}


@contextmanager
def occupied(*taken: int) -> Iterator[None]:
    sockets = [socket.create_server((HOST, port)) for port in taken]
    try:
        yield
    finally:
        for held in sockets:
            held.close()


def test_up_twice_then_down_leaves_nothing(driver: LocalDriver) -> None:
    home = driver.environment.home
    assert not driver.is_up()
    assert not driver.copies()
    with pytest.raises(Unreachable, match="never brought up"):
        driver.dsn("rubyops_read", "platform")
    driver.ensure_up(quiet)
    pids = {copy.process: copy.pid for copy in driver.copies()}
    assert driver.is_up()
    assert set(pids) == set(PROCESSES)
    said: list[str] = []
    driver.ensure_up(said.append)
    assert {copy.process: copy.pid for copy in driver.copies()} == pids, said
    for role in LOGIN_ROLES:
        for database in ("platform", "control"):
            with psycopg.connect(driver.dsn(role, database)) as connection:
                assert connection.execute("SELECT current_user").fetchone() == (role,)
    with (
        redis.Redis.from_url(driver.redis_url("rubyops_read")) as reader,
        pytest.raises(redis.exceptions.NoPermissionError),
    ):
        reader.set("key", "value")
    for private in ("secrets.json", "supervisor/supervisord.conf", "valkey/valkey.conf"):
        assert (home / private).stat().st_mode & 0o077 == 0
    known = ports(driver)
    assert driver.down()
    assert not driver.down()
    assert all(map(is_free, known.values()))
    assert orphans.end_orphans(home) == 0


def test_ports_that_somebody_took_are_replaced_and_data_stays(driver: LocalDriver) -> None:
    driver.ensure_up(quiet)
    before = ports(driver)
    write(driver, "CREATE TABLE public.kept (n int); INSERT INTO public.kept VALUES (7)")
    driver.down()
    with occupied(before["gateway"], before["redis"]):
        driver.ensure_up(quiet)
        after = ports(driver)
        assert write(driver, "SELECT n FROM public.kept") == (7,)
        moved = {name for name in before if before[name] != after[name]}
        assert moved == {"gateway", "redis"}
    driver.down()
    driver.ensure_up(quiet)
    assert ports(driver) == after


def test_killed_servers_and_a_killed_supervisor_are_mended(driver: LocalDriver) -> None:
    driver.ensure_up(quiet)
    home = driver.environment.home
    postmaster = int((home / "postgres" / "postmaster.pid").read_text().split()[0])
    os.kill(postmaster, signal.SIGKILL)
    driver.ensure_up(quiet)
    assert int((home / "postgres" / "postmaster.pid").read_text().split()[0]) != postmaster
    left_behind = [copy.pid for copy in driver.copies()]
    supervisor = orphans.pid_in(home / "supervisor" / "supervisord.pid", str(home))
    assert supervisor is not None
    os.kill(supervisor, signal.SIGKILL)
    until(lambda: not orphans.is_alive(supervisor))
    assert not driver.is_up()
    driver.ensure_up(quiet)
    assert driver.is_up()
    assert not any(map(orphans.is_alive, left_behind))
    assert write(driver, "SELECT 1") == (1,)


def test_other_code_restarts_what_runs(
    driver: LocalDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver.ensure_up(quiet)
    pids = {copy.process: copy.pid for copy in driver.copies()}
    health = httpx.get(
        f"{driver.process_url('gateway')}/health",
        headers=GetClient(driver).observer_headers(),
        trust_env=False,
    ).json()
    assert health["code"] == code_digest()
    assert health["version"].endswith(code_digest()[:12])
    with psycopg.connect(driver.dsn("rubyops_read", "control")) as connection:
        told = connection.execute(
            "SELECT DISTINCT detail->>'code' FROM control.service_copy"
        ).fetchall()
    assert told == [(code_digest(),)]
    monkeypatch.setattr("rubyops.adapters.local.code_version.code_digest", lambda: "f" * 64)
    said: list[str] = []
    driver.ensure_up(said.append)
    assert "settings or version changed: everything is restarted" in said
    assert set(pids.values()).isdisjoint(copy.pid for copy in driver.copies())


@pytest.fixture
def checkout(homes: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the checkout that the test can edit while processes run from it."""
    made = homes / "checkout"  # a folder that PostgreSQL's own user can enter
    for package in PACKAGES:
        shutil.copytree(ROOT / package, made / package, ignore=shutil.ignore_patterns(LEFT_OUT))
    monkeypatch.setattr("rubyops.adapters.local.code_version.CHECKOUT", made)
    monkeypatch.setattr(
        "rubyops.adapters.local.code_version.code_digest", lambda: code_digest(made)
    )
    return made


def loaded(driver: LocalDriver, process: str) -> str:
    """The digest of the code that a copy says it loaded."""
    answer = httpx.get(
        f"{driver.process_url(process)}/health",
        headers=GetClient(driver).observer_headers(),
        trust_env=False,
    )
    return str(answer.json()["code"])


def test_a_copy_that_loaded_an_edit_is_restarted_under_an_unchanged_configuration(
    driver: LocalDriver,
    checkout: Path,
) -> None:
    driver.ensure_up(quiet)
    before = code_digest(checkout)
    edit = checkout / "wallet_runtime" / "edit.py"
    edit.write_text("")
    driver.stop(["rolling_worker"], driver.fence())
    driver.start(["rolling_worker"], driver.fence())
    assert loaded(driver, "rolling_worker") == code_digest(checkout) != before
    edit.unlink()
    pids = {copy.process: copy.pid for copy in driver.copies()}
    said: list[str] = []
    driver.ensure_up(said.append, restart=[("rolling_worker", 1)])
    assert "restarting rolling_worker-1" in said
    assert {loaded(driver, process) for process in PROCESSES} == {before}
    changed = {copy.process for copy in driver.copies() if copy.pid != pids[copy.process]}
    assert changed == {"rolling_worker"}


def test_processes_stop_and_start_by_name(driver: LocalDriver) -> None:
    driver.ensure_up(quiet)
    driver.stop(["wallet_worker", "gateway"], driver.fence())
    states = {copy.process: copy.state for copy in driver.copies()}
    assert {name for name, state in states.items() if state == "stopped"} == {
        "wallet_worker",
        "gateway",
    }
    driver.start(["gateway"], driver.fence())
    assert httpx.get(f"{driver.process_url('gateway')}/health", trust_env=False).status_code
    with pytest.raises(UsageError, match="No process is named 'walet_worker'; known are gateway"):
        driver.stop(["walet_worker"], driver.fence())


def test_databases_without_their_passwords_are_refused(driver: LocalDriver) -> None:
    data = driver.environment.home / "postgres"
    data.mkdir(parents=True)
    (data / "PG_VERSION").write_text("17\n")
    with pytest.raises(Exception, match=r"secrets\.json, which has their passwords, is gone"):
        driver.ensure_up(quiet)


def test_a_driver_that_does_not_answer_is_not_one_that_is_down(driver: LocalDriver) -> None:
    assert driver.copies() == []
    driver.ensure_up(quiet)
    home = driver.environment.home
    socket_file = home / "supervisor" / "supervisor.sock"
    away = socket_file.with_suffix(".away")
    socket_file.rename(away)
    with pytest.raises(Unreachable, match="driver of local does not answer.* programs of it live"):
        driver.copies()
    away.rename(socket_file)
    assert {copy.state for copy in driver.copies()} <= {"running", "starting"}
    supervisor = orphans.pid_in(home / "supervisor" / "supervisord.pid", str(home))
    assert supervisor is not None
    os.kill(supervisor, signal.SIGKILL)
    until(lambda: not orphans.is_alive(supervisor))
    with pytest.raises(Unreachable, match="nobody knows which copies run"):
        driver.copies()
    assert driver.down()
    assert {copy.state for copy in driver.copies()} == {"stopped"}
    assert not (home / "supervisor" / "supervisord.pid").exists()


def test_a_machine_that_went_down_leaves_copies_that_are_stopped(driver: LocalDriver) -> None:
    driver.ensure_up(quiet)
    home = driver.environment.home
    pids = orphans.alive(home)
    supervisor = orphans.pid_in(home / "supervisor" / "supervisord.pid", str(home))
    assert supervisor is not None and supervisor in pids
    # Kill the supervisor first, because it would restart the others.
    for pid in sorted(pids, key=supervisor.__ne__):
        os.kill(pid, signal.SIGKILL)
    until(lambda: not orphans.alive(home))
    assert (home / "supervisor" / "supervisord.pid").exists()
    assert {copy.state for copy in driver.copies()} == {"stopped"}
