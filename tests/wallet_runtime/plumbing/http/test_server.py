"""A real process from start to stop, controlled by signals as a supervisor does."""

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import httpx
import psycopg
import pytest

from sql.code import code_digest
from tests.cluster import TestDatabase
from tests.wallet_runtime.serving import (
    OBSERVER,
    await_until,
    environment_for,
    free_port,
    start_process,
)
from wallet_runtime.plumbing.http import server
from wallet_runtime.plumbing.http.server import STOP_SECONDS_MAX


def is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health", timeout=2).status_code == 200
    except httpx.TransportError:
        return False


@pytest.mark.parametrize("argument", ["nothing", ""])
def test_wrong_usage_names_the_processes(argument: str) -> None:
    process = start_process(argument, {})
    assert b"one of: gateway, wallet_service" in process.communicate(timeout=20)[0]
    assert process.returncode == 2


def test_settings_at_fault_stop_the_start_and_are_named() -> None:
    process = start_process(
        "gateway",
        environment_for("gateway", free_port(), MULTI_BRAND_ENFORCEMENT="on", ADMIN_TOKEN_ANN=""),
    )
    output = process.communicate(timeout=20)[0].decode()
    assert process.returncode == 78
    assert "MULTI_BRAND_ENFORCEMENT must be one of off, observe, enforce; found 'on'" in output
    assert "ADMIN_TOKEN_ANN is set but empty" in output


def test_a_port_that_is_taken_is_said_plainly() -> None:
    port = free_port()
    first = start_process("admin_service", environment_for("admin_service", port))
    try:
        await_until(lambda: _answers(port))
        second = start_process("admin_service", environment_for("admin_service", port))
        assert b"cannot listen on 127.0.0.1" in second.communicate(timeout=20)[0]
        assert second.returncode == 1
    finally:
        first.terminate()
        first.communicate(timeout=20)


def test_of_two_that_start_at_once_one_has_the_port_before_either_answers() -> None:
    port = free_port()
    with (
        closing(server.listen("127.0.0.1", port)),
        pytest.raises(server.CannotListen, match=f"cannot listen on 127.0.0.1:{port}"),
    ):
        server.listen("127.0.0.1", port)


def _answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/health", timeout=2).status_code == 503
    except httpx.TransportError:
        return False


def waiting_for_the_table(connection: psycopg.Connection[tuple[int]]) -> int:
    statement = (
        "SELECT count(*) FROM pg_locks"
        " WHERE NOT granted AND relation = 'gateway.maintenance'::regclass"
    )
    (count,) = connection.execute(statement).fetchone() or (0,)
    return count


def test_it_starts_tells_the_truth_and_stops_within_its_bound(
    platform_db: TestDatabase, control_db: TestDatabase
) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    environment = environment_for(
        "gateway",
        port,
        platform_db.dsn("gateway"),
        control_db.dsn("gateway"),
        INTERNAL_SERVICE_TOKEN="old",
    )
    process = start_process("gateway", environment)
    try:
        await_until(lambda: is_ready(url))
        health = httpx.get(f"{url}/health", headers=OBSERVER).json()
        assert health["freeze"] == {"level": "open", "epoch": 0}
        assert health["code"] == code_digest()
        assert health["checks"] == {"database": "ok", "control": "ok", "stopping": "ok"}
        assert health["legacy_token_present"] is True
        metrics = httpx.get(f"{url}/metrics", headers=OBSERVER).text
        assert 'multi_brand_enforcement_mode{service="gateway"} 2.0' in metrics
        assert 'legacy_token_present{service="gateway"} 1.0' in metrics
        with psycopg.connect(platform_db.superuser_dsn) as blocker:
            blocker.execute("LOCK TABLE gateway.maintenance")
            with ThreadPoolExecutor(4) as pool:
                slow = [
                    pool.submit(httpx.get, f"{url}/api/v1/maintenance", timeout=20)
                    for _ in range(4)
                ]
                await_until(lambda: waiting_for_the_table(blocker) == len(slow))
                process.terminate()
                time.sleep(0.5)
                blocker.rollback()
                assert [answer.result().status_code for answer in slow] == [200] * 4
        started = time.monotonic()
        output = process.communicate(timeout=STOP_SECONDS_MAX + 2)[0].decode()
        assert time.monotonic() - started < 3
        assert process.returncode == 0, output
        assert "test@" not in output
    finally:
        process.kill()
    with psycopg.connect(control_db.superuser_dsn) as connection:
        assert connection.execute("SELECT ready FROM control.service_copy").fetchone() == (False,)


def test_a_handler_that_never_ends_does_not_hold_up_the_stop_beyond_its_bound(
    platform_db: TestDatabase, control_db: TestDatabase
) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    process = start_process(
        "gateway",
        environment_for("gateway", port, platform_db.dsn("gateway"), control_db.dsn("gateway")),
    )
    try:
        await_until(lambda: is_ready(url))
        with psycopg.connect(platform_db.superuser_dsn) as blocker, ThreadPoolExecutor(1) as pool:
            blocker.execute("LOCK TABLE gateway.maintenance")
            stuck = pool.submit(httpx.get, f"{url}/api/v1/maintenance", timeout=20)
            time.sleep(0.3)
            started = time.monotonic()
            process.terminate()
            process.communicate(timeout=STOP_SECONDS_MAX + 3)
            assert time.monotonic() - started < STOP_SECONDS_MAX + 1
            assert stuck.exception() is not None or stuck.result().status_code >= 500
    finally:
        process.kill()


def test_without_its_database_it_starts_and_says_so(control_db: TestDatabase) -> None:
    port = free_port()
    process = start_process(
        "gateway", environment_for("gateway", port, control=control_db.dsn("gateway"))
    )
    try:
        await_until(lambda: _answers(port))
        url = f"http://127.0.0.1:{port}/health"
        await_until(
            lambda: (
                "gave no connection"
                in httpx.get(url, timeout=2, headers=OBSERVER).json()["checks"]["database"]
            )
        )
        anonymous = httpx.get(url, timeout=2)
        assert (anonymous.status_code, anonymous.json()) == (
            503,
            {"process": "gateway", "status": "failing"},
        )
    finally:
        process.terminate()
        process.communicate(timeout=20)


def test_an_armed_failpoint_kills_the_process() -> None:
    steps = "reach('other'); print('alive', flush=True); reach('here'); print('never')"
    killed = _run_armed(f"from wallet_runtime.plumbing.runtime.failpoint import reach; {steps}")
    assert (killed.returncode, killed.stdout) == (-9, "alive\n")


def _run_armed(program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "RUBY_FAILPOINT": "here"},
        capture_output=True,
        text=True,
        check=False,
    )
