"""After a fault of a server under traffic, every process recovers, and no deposit is lost.

The faults: a killed PostgreSQL, a full disk, used up connections, locked rows. With
`RUBYOPS_OUTAGES=all`, PostgreSQL is killed many times and `control` refuses connections for longer.
The normal test run plays each fault once. The environment starts its own servers, because the tests
must not kill servers of somebody else.
"""

import os
import random
import resource
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial

import psycopg
import pytest

from rubyops.adapters.local.servers import SUPERUSER
from tests import sources
from tests.acceptance.crowd import Crowd
from tests.acceptance.platform import Live, wait_until
from tests.acceptance.test_outages import DEPOSITS, GREEN_SECONDS_MAX, UNSOUND
from wallet_runtime.contract.processes import PLAYER_SERVICE, WALLET_SERVICE

pytestmark = [
    pytest.mark.slow,
    pytest.mark.fault,
    pytest.mark.skipif(sources.name() != "embedded", reason="a given server is not ours to kill"),
]
EVERYTHING = os.environ.get("RUBYOPS_OUTAGES") == "all"
KILLS = 12 if EVERYTHING else 1
REFUSED_SECONDS = (3, 3, 3, 20, 120, 600) if EVERYTHING else (3,)
FULL_SECONDS = 3
POOL_MAX = 8


@contextmanager
def money_survives(live: Live, pause_seconds: float = 0.01) -> Iterator[Callable[[], None]]:
    """Make deposits until the block ends, then assert that each accepted one is stored once.

    Yields a function to call after the fault is repaired. It waits until every process has sent a
    new heartbeat and is ready, and until a deposit is accepted.
    """
    live.settle_down()
    before = live.one(DEPOSITS)["number"]

    def heal() -> None:
        mended, clock = time.monotonic(), datetime.now(UTC)
        wait_until(lambda: live.is_green(since=clock), "every process is green again", 0.1)
        green = time.monotonic() - mended
        print(f"green after {green:.1f} s")
        crowd.await_accepted(mended)
        assert green < GREEN_SECONDS_MAX

    with Crowd(live, pause_seconds=pause_seconds).at_work() as crowd:
        crowd.await_accepted(0)
        yield heal
    live.settle_down()
    assert live.rows(UNSOUND) == []
    # A request whose connection broke during the commit gets a 503, though its deposit may be
    # stored.
    accepted = [status for _, _, status in crowd.asked].count(200)
    assert accepted <= live.one(DEPOSITS)["number"] - before <= len(crowd.asked)


def postmaster(live: Live) -> int:
    """The process id of the running PostgreSQL server."""
    return int((live.environment.home / "postgres" / "postmaster.pid").read_text().split()[0])


def test_postgresql_is_killed_in_the_middle_of_money(live: Live) -> None:
    """Faults 19 and 20: after an immediate stop of PostgreSQL, all accepted deposits are there.

    The supervisor starts PostgreSQL again on the same port.
    """
    spread = random.Random(20)  # noqa: S311
    with money_survives(live) as heal:
        for number in range(KILLS):
            if number:
                time.sleep(spread.uniform(5, 40))
            killed = postmaster(live)
            os.kill(killed, signal.SIGQUIT)
            wait_until(partial(_is_another, live, killed), "PostgreSQL is started again")
            heal()


def _is_another(live: Live, killed: int) -> bool:
    try:
        if postmaster(live) == killed:
            return False
        psycopg.connect(live.driver.dsn(SUPERUSER, "platform")).close()
    except (OSError, IndexError, psycopg.Error):
        return False
    return True


@pytest.mark.parametrize("seconds", REFUSED_SECONDS)
def test_control_alone_refuses_connections(live: Live, seconds: int) -> None:
    """While `control` refuses connections, money moves; afterwards every copy recovers.

    A longer outage gets a lower rate of deposits.
    """
    with money_survives(live, max(0.01, seconds / 600)) as heal, live.superuser() as connection:
        connection.execute("ALTER DATABASE control ALLOW_CONNECTIONS false")
        try:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'control'"
            )
            time.sleep(seconds)
        finally:
            connection.execute("ALTER DATABASE control ALLOW_CONNECTIONS true")
        heal()


def test_a_disk_without_room_when_postgresql_comes_back(live: Live) -> None:
    """Fault 28: PostgreSQL cannot restart on a full disk, and recovers once there is room."""
    keeper = int((live.environment.home / "supervisor" / "supervisord.pid").read_text())
    with money_survives(live) as heal:
        with no_room(keeper):
            os.kill(postmaster(live), signal.SIGQUIT)
            time.sleep(FULL_SECONDS)
            assert not live.is_green()
        heal()


@contextmanager
def no_room(keeper: int) -> Iterator[None]:
    """Let a process and its new children write no byte to any file, as on a full disk."""
    soft, hard = resource.prlimit(keeper, resource.RLIMIT_FSIZE)
    resource.prlimit(keeper, resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.prlimit(keeper, resource.RLIMIT_FSIZE, (soft, hard))


def test_when_every_connection_is_taken_the_brake_still_works(live: Live) -> None:
    """Fault 22: when the services use up their connections, operators can still connect."""
    taken: list[psycopg.Connection] = []
    try:
        with pytest.raises(psycopg.OperationalError, match=r"too many|remaining connection slots"):
            while True:
                taken.append(psycopg.connect(live.driver.dsn("game_service", "platform")))
        live.done("freeze", "--reason", "connections are used up")
        live.done("status")
    finally:
        for connection in taken:
            connection.close()
    assert live.freezes() == [live.newest_run()]


def test_a_pool_that_is_used_up_answers_busy_and_lives(live: Live) -> None:
    """Fault 21: when all connections of a pool wait for locks, new requests are refused as busy.

    `/health` still answers.
    """
    players = [live.player() for _ in range(POOL_MAX)]
    for player in players:
        assert live.deposit(player, "1.00").status_code == 200
    with live.superuser() as holder, holder.transaction():
        ids = [player.player_id for player in players]
        locked = holder.execute(
            "SELECT FROM wallet.wallet_player WHERE player_id = ANY (%s::uuid[]) FOR UPDATE", [ids]
        )
        assert locked.rowcount == POOL_MAX
        with Crowd(
            live, players=[player for player in players for _ in range(3)]
        ).at_work() as crowd:
            wait_until(
                lambda: sum(status == 503 for _, _, status in crowd.asked) > POOL_MAX,
                "requests are refused as busy",
            )  # noqa: PLR2004
            answer = live._client.get(live.driver.process_url(WALLET_SERVICE) + "/health")
            assert answer.status_code in (200, 503) and answer.json()["process"] == WALLET_SERVICE
    # 504 comes from player_service: its call of the wallet timed out, so the outcome is unknown.
    assert {status for _, _, status in crowd.asked} <= {503, 504}
    assert all(live.deposit(player, "1.00").status_code == 200 for player in players)


def test_sigterm_under_load_leaves_nothing_unanswered(live: Live) -> None:
    """Fault 34: after SIGTERM a copy finishes its open requests, and the supervisor restarts it."""
    with money_survives(live) as heal:
        for process in (WALLET_SERVICE, PLAYER_SERVICE):
            (before,) = live.pids(process)
            os.kill(before, signal.SIGTERM)
            wait_until(partial(_is_restarted, live, process, before), f"{process} is started again")
            heal()


def _is_restarted(live: Live, process: str, before: int) -> bool:
    return all(pid not in (0, before) for pid in live.pids(process))
