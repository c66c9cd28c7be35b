"""A call of a hung PostgreSQL ends within its time limit, and delays no later call."""

import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from rubyops.adapters.bounded import Patience, Watch, within
from rubyops.adapters.connections import BoundConnection, _close, open_session, resolved
from rubyops.adapters.control import ControlDatabase
from rubyops.adapters.database import Bounds, Link
from rubyops.adapters.effects.export import export_tables
from rubyops.adapters.local import orphans
from rubyops.adapters.long_statements import LONG_STATEMENTS
from rubyops.errors import Interrupted, RubyopsError, Unreachable
from rubyops.ports import EffectIdentity
from tests.cluster import Cluster, TestDatabase
from tests.rubyops.adapters.peers import backends, dripping, silent, stopped, timed
from tests.signals import answered

SHORT = Bounds(call=0.6, connect=0.4, long=1.5, doubt=0.2)
SERVERS_OF_OURS = "it stops the server's processes, which have to be on this machine and ours"
pytestmark = pytest.mark.fault


def link_to(database: TestDatabase, *, read_only: bool = False) -> Link:
    role = "rubyops_read" if read_only else "rubyops_ops"
    return Link(
        lambda: database.dsn(role), "the test's database", read_only=read_only, bounds=SHORT
    )


@contextlib.contextmanager
def a_hung_backend(link: Link, database: TestDatabase) -> Iterator[int]:
    link.one("facts_freeze")
    (backend,) = backends(database.superuser_dsn)
    with stopped(backend):
        yield backend


@pytest.mark.embedded_only(reason=SERVERS_OF_OURS)
@pytest.mark.parametrize("read_only", [True, False])
def test_a_stopped_backend_ends_the_call(control_db: TestDatabase, read_only: bool) -> None:
    link = link_to(control_db, read_only=read_only)
    with a_hung_backend(link, control_db):
        with (
            timed() as seconds,
            pytest.raises(Unreachable, match=r"did not answer facts_freeze within 0\.6 s") as told,
        ):
            link.one("facts_freeze")
        assert SHORT.call * 0.9 < seconds[0] < 3 * SHORT.call
        assert ("may or may not" in told.value.message) is not read_only
        assert link.one("facts_freeze")["level"] == "open", "a new connection works at once"
    link.close()


@pytest.mark.embedded_only(reason=SERVERS_OF_OURS)
def test_a_stopped_server_shortens_the_calls_that_follow(
    control_db: TestDatabase, cluster: Cluster
) -> None:
    link = link_to(control_db)
    postmaster = orphans.pid_in(cluster.folder / "postgres" / "postmaster.pid", "postgres")
    assert postmaster is not None
    with a_hung_backend(link, control_db), stopped(postmaster):
        with pytest.raises(Unreachable, match="facts_freeze"):
            link.one("facts_freeze")
        with timed() as seconds:
            for _ in range(5):
                with pytest.raises(Unreachable, match="did not take a connection for facts_freeze"):
                    link.one("facts_freeze")
        assert seconds[0] < 5 * SHORT.connect, "each of them had the short bound"
    assert link.one("facts_freeze")["level"] == "open"
    assert link._patience.doubts is False
    link.close()


def test_a_peer_that_takes_the_connection_and_stays_silent() -> None:
    with silent() as port:
        link = Link(lambda: f"postgresql://me@127.0.0.1:{port}/x", "a peer", bounds=SHORT)
        with (
            timed() as seconds,
            pytest.raises(Unreachable, match=r"a peer did not take a connection for facts_gate"),
        ):
            link.one("facts_gate")
        assert seconds[0] < 3 * SHORT.connect


def test_a_peer_that_drips_during_the_connection() -> None:
    # The beginning of an authentication message that never ends.
    with dripping(b"R\x00\x00\x10\x00", b"\x00") as port:
        link = Link(lambda: f"postgresql://me@127.0.0.1:{port}/x", "a peer", bounds=SHORT)
        with timed() as seconds, pytest.raises(Unreachable):
            link.one("facts_gate")
        assert seconds[0] < 3 * SHORT.connect


def test_a_server_that_works_too_long_is_left_and_undoes_it(control_db: TestDatabase) -> None:
    link = Link(lambda: control_db.superuser_dsn, "the test's database", bounds=SHORT)
    with (
        pytest.raises(Unreachable, match="did not answer facts_freeze"),
        link.blocks("facts_freeze") as connection,
    ):
        connection.execute("CREATE TABLE public.half_done AS SELECT 1 FROM pg_sleep(30)")
    assert connection.closed
    deadline = time.monotonic() + 10
    while backends(control_db.superuser_dsn):
        assert time.monotonic() < deadline, "the server still works for a client that has left"
        time.sleep(0.1)
    with psycopg.connect(control_db.superuser_dsn) as looking:
        assert looking.execute("SELECT to_regclass('public.half_done')").fetchone() == (None,)


@pytest.mark.embedded_only(reason=SERVERS_OF_OURS)
def test_ctrl_c_is_heard_while_a_reading_call_hangs(control_db: TestDatabase) -> None:
    link = Link(lambda: control_db.dsn("rubyops_read"), "control", read_only=True)
    asked: list[float] = []

    def hook() -> None:
        asked.append(time.monotonic())
        if len(asked) > 2:
            raise Interrupted

    with a_hung_backend(link, control_db):
        link.while_waiting = hook
        with timed() as seconds, pytest.raises(Interrupted):
            link.one("facts_freeze")
        assert seconds[0] < 3, "the bound of this link is 10 s"
        assert link._patience.doubts
        link.while_waiting = None
        assert link.one("facts_freeze")["level"] == "open"
    link.close()


def test_a_quick_call_is_not_ended_by_a_stop_that_was_asked_for(control_db: TestDatabase) -> None:
    link = link_to(control_db, read_only=True)

    def hook() -> None:
        raise Interrupted

    link.while_waiting = hook
    assert link.one("facts_freeze")["level"] == "open"
    link.close()


@pytest.mark.embedded_only(reason=SERVERS_OF_OURS)
def test_a_changing_call_does_not_ask_the_hook(control_db: TestDatabase) -> None:
    link = link_to(control_db)

    def hook() -> None:
        raise Interrupted

    with a_hung_backend(link, control_db):
        link.while_waiting = hook
        with pytest.raises(Unreachable, match="may or may not"):
            link.one("facts_freeze")


@pytest.mark.embedded_only(reason=SERVERS_OF_OURS)
def test_a_keyboard_interrupt_waits_for_no_cancel(control_db: TestDatabase) -> None:
    link = Link(lambda: control_db.dsn("rubyops_read"), "control", read_only=True)
    with a_hung_backend(link, control_db):
        interrupt = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
        with answered(signal.SIGINT, signal.default_int_handler):
            interrupt.start()
            with timed() as seconds, pytest.raises(KeyboardInterrupt):
                link.one("facts_freeze")
        assert seconds[0] < 3
    link.close()


@pytest.mark.embedded_only(reason=SERVERS_OF_OURS)
def test_threads_wait_for_each_other_within_the_bound(control_db: TestDatabase) -> None:
    control = ControlDatabase(link := link_to(control_db))
    ended: list[RubyopsError] = []

    def beat() -> None:
        try:
            control.lock()
        except RubyopsError as error:
            ended.append(error)

    with a_hung_backend(link, control_db):
        beats = [threading.Thread(target=beat) for _ in range(4)]
        with timed() as seconds:
            for thread in beats:
                thread.start()
            for thread in beats:
                thread.join()
    # One thread had the connection. The others waited for it, then queried again or gave up.
    assert seconds[0] < 3 * SHORT.call
    assert ended
    link.close()


def test_another_call_of_this_process_is_named() -> None:
    link = Link(lambda: "", "control", bounds=SHORT)
    held, ending = threading.Event(), threading.Event()

    def hold() -> None:
        with link._lock:
            held.set()
            ending.wait(10)

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait()
    with (
        timed() as seconds,
        pytest.raises(Unreachable, match="held by another call of this process"),
    ):
        link.rows("facts_freeze")
    ending.set()
    holder.join()
    assert seconds[0] < 3 * SHORT.call


IDENTITY = EffectIdentity("r-1/export/1", "r-1", 0, "ann")


@pytest.mark.embedded_only(reason=SERVERS_OF_OURS)
def test_an_export_is_bounded_by_the_block(platform_db: TestDatabase, tmp_path: Path) -> None:
    link = link_to(platform_db)
    link.one("ops_has_money")
    (backend,) = backends(platform_db.superuser_dsn)
    with (
        stopped(backend),
        timed() as seconds,
        pytest.raises(Unreachable, match="did not answer ops_export_table"),
    ):
        export_tables(link, tmp_path, IDENTITY, ("wallet_currency",))
    assert seconds[0] < 3 * SHORT.long
    assert list(tmp_path.glob("r-*")) == []
    assert export_tables(link, tmp_path, IDENTITY, ("wallet_currency",))["tables"]
    link.close()


def test_a_long_statement_keeps_its_bound_after_a_call_that_was_late() -> None:
    link = Link(lambda: "", "a database", bounds=SHORT)
    link._patience.doubts = True
    assert link._seconds("facts_freeze") == SHORT.doubt
    assert link._seconds("reconcile_ledger_drift") == SHORT.long


def test_links_of_one_server_share_their_doubt() -> None:
    shared = Patience(SHORT.doubt)
    with silent() as port:
        dsn = f"postgresql://me@127.0.0.1:{port}/x"
        first, second = (
            Link(lambda: dsn, name, bounds=SHORT, patience=shared) for name in ("one", "other")
        )
        with pytest.raises(Unreachable, match=r"one did not take .* within 0\.4 s"):
            first.one("facts_gate")
        with pytest.raises(Unreachable, match=r"other did not take .* within 0\.2 s"):
            second.one("facts_gate")


def test_every_long_statement_is_a_query() -> None:
    import sql

    assert LONG_STATEMENTS - sql.load().keys() == set()


def test_a_superusers_statement_has_the_bound_too(control_db: TestDatabase) -> None:
    with (
        timed() as seconds,
        pytest.raises(Unreachable, match=r"the server did not answer within 0\.5 s"),
        open_session(control_db.superuser_dsn, "the server", seconds=0.5) as connection,
    ):
        connection.execute("SELECT pg_sleep(20)")
    assert seconds[0] < 3


def test_a_host_is_looked_up_before_the_driver_is_asked(cluster: Cluster) -> None:
    assert "hostaddr=" in resolved("postgresql://me@localhost:5432/x")
    assert resolved("postgresql://me@127.0.0.1:5432/x") == "postgresql://me@127.0.0.1:5432/x"
    with pytest.raises(psycopg.OperationalError, match="is not known"):
        resolved("postgresql://me@no-such-host.invalid:5432/x")


def test_what_comes_too_late_is_given_back() -> None:
    given_back: list[str | None] = []
    released = threading.Event()

    def act() -> str:
        released.wait(10)
        return "late"

    with pytest.raises(TimeoutError):
        within(Watch(0.2, lambda _: TimeoutError()), act, given_back.append)
    released.set()
    deadline = time.monotonic() + 5
    while not given_back and time.monotonic() < deadline:
        time.sleep(0.01)
    assert given_back == ["late"]


def test_a_connection_that_comes_too_late_is_closed(control_db: TestDatabase) -> None:
    made: list[BoundConnection] = []

    def act() -> BoundConnection:
        time.sleep(0.5)
        made.append(BoundConnection.connect(control_db.superuser_dsn))
        return made[0]

    with pytest.raises(TimeoutError):
        within(Watch(0.1, lambda _: TimeoutError()), act, _close)
    deadline = time.monotonic() + 5
    while not (made and made[0].closed):
        assert time.monotonic() < deadline
        time.sleep(0.02)
