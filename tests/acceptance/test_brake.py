"""The brake (K2, K4): a freeze works under every disturbance, and its reported level is true.

`RUBYOPS_FREEZES=200 pytest tests/acceptance/test_brake.py` plays the whole campaign. The normal
test run plays each disturbance that must not delay a freeze once, and each that may in its own
test.
"""

import itertools
import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest

from rubyops.adapters.http import GetClient
from rubyops.adapters.local import binaries
from rubyops.adapters.local.servers import SUPERUSER
from tests.acceptance.crowd import Crowd
from tests.acceptance.forked import Forked
from tests.acceptance.platform import Answer, Live, finish, wait_until
from wallet_runtime.contract.freeze import OPEN

pytestmark = [pytest.mark.slow, pytest.mark.fault]

HOLDER = re.compile(r"database session (\d+) of")


def freezes() -> int:
    return int(os.environ.get("RUBYOPS_FREEZES", str(len(DISTURBANCES))))


@contextmanager
def session(live: Live, statement: str) -> Iterator[psycopg.Connection[Any]]:
    """Run a statement in an open transaction of a person's session, which keeps its locks."""
    dsn = live.driver.dsn(SUPERUSER, "platform")
    held = psycopg.connect(dsn, application_name="a-person")
    try:
        held.execute(statement.encode())
        yield held
    finally:
        held.close()


@contextmanager
def repeated(work: Callable[[], object]) -> Iterator[None]:
    """Repeat `work` in a thread until the block ends."""
    ending = threading.Event()

    def go() -> None:
        while not ending.is_set():
            work()

    thread = threading.Thread(target=go)
    thread.start()
    try:
        yield
    finally:
        ending.set()
        thread.join(60)


@contextmanager
def vacuum(live: Live) -> Iterator[None]:
    with (
        live.superuser() as connection,
        repeated(
            lambda: connection.execute("VACUUM (FREEZE) wallet.wallet_gate, wallet.wallet_player")
        ),
    ):
        yield


@contextmanager
def dump(live: Live) -> Iterator[None]:
    program = binaries.runnable_postgres_bin(live.environment.home.parent) / "pg_dump"
    dsn = live.driver.dsn(SUPERUSER, "platform").reveal()
    command = [str(program), "-n", "wallet", "-f", os.devnull, dsn]
    with repeated(lambda: subprocess.run(command, check=True, capture_output=True)):
        yield


@contextmanager
def a_run(live: Live) -> Iterator[None]:
    """A run that holds the run lock, paused before one of its steps."""
    with live.paused_before("reconcile", "run", "verify"):
        yield


@contextmanager
def killed(live: Live, process: str) -> Iterator[None]:
    for pid in live.pids(process):
        os.kill(pid, signal.SIGKILL)
    yield


def in_pieces(live: Live) -> AbstractContextManager[Any]:
    """Lock a table that every money command needs, again and again, for 0.3 seconds each time."""

    def lock() -> None:
        with session(live, "LOCK TABLE wallet.wallet_player IN ACCESS EXCLUSIVE MODE"):
            time.sleep(0.3)

    return repeated(lock)


# Disturbances that must not delay a freeze.
DISTURBANCES: dict[str, Callable[[Live], AbstractContextManager[Any]]] = {
    "money commands alone": lambda live: nullcontext(),
    "a run that holds the lock": a_run,
    "a vacuum": vacuum,
    "a dump": dump,
    "short table locks": in_pieces,
    "a killed service": lambda live: killed(live, "wallet_service"),
    "a killed gateway": lambda live: killed(live, "gateway"),
}
# Statements by which a session locks the fence row. The freeze must name the session, and must come
# into force when the session ends.
HOLDERS = {
    "a row lock": "SELECT * FROM wallet.wallet_gate FOR SHARE",
    "a row lock for update": "SELECT * FROM wallet.wallet_gate FOR UPDATE",
    "a share lock": "LOCK TABLE wallet.wallet_gate IN SHARE MODE",
    "a row share lock": "LOCK TABLE wallet.wallet_gate IN ROW SHARE MODE",
    "an access exclusive lock": "LOCK TABLE wallet.wallet_gate IN ACCESS EXCLUSIVE MODE",
}
# Disturbances that may delay a freeze. Until its level is in force, the report must say `freezing`.
HOLDING_UP: dict[str, Callable[[Live], AbstractContextManager[Any]]] = {
    "a row lock": lambda live: session(live, HOLDERS["a row lock"]),
    "a table lock": lambda live: session(live, HOLDERS["an access exclusive lock"]),
    "a stopped service": lambda live: live.stopped("wallet_service"),
    "a stopped gateway": lambda live: live.stopped("gateway"),
}


@dataclass(frozen=True)
class Frozen:
    """The answer of a freeze, with the times at which the freeze began and was answered."""

    answer: Answer
    asked_at: float
    word_at: float


def freeze(live: Live, level: str = "ingress") -> Frozen:
    asked = time.monotonic()
    answer = live.run("freeze", "--level", level, "--reason", "the brake")
    return Frozen(answer, asked, time.monotonic())


def open_by_hand(live: Live) -> None:
    """Open money by SQL, because these tests are not about the thaw."""
    live.rows("DELETE FROM control.freeze_layer RETURNING 1", database="control")
    row = live.one(
        "UPDATE control.freeze_state SET level = 'open', epoch = epoch + 1 RETURNING epoch",
        database="control",
    )
    live.one(
        "UPDATE wallet.wallet_gate SET freeze_level = 'open', freeze_epoch = %s, settled_epoch = %s"
        " RETURNING 1",
        row["epoch"],
        row["epoch"],
    )


@pytest.fixture(autouse=True)
def opened(live: Live) -> Iterator[None]:
    yield
    if live.level() != OPEN:
        open_by_hand(live)
    live.settle_down()


def said(live: Live) -> str:
    """The freeze state that `status` reports."""
    rows = {row["id"]: row for row in live.run("status").body["results"]}
    return str(rows["freeze"]["details"]["in_force"])


def test_no_command_that_is_forbidden_passes_once_the_freeze_is_said(live: Live) -> None:
    disturbances = {**DISTURBANCES, **HOLDING_UP}
    with Crowd(live).at_work() as crowd:
        crowd.await_accepted(0)
        for _, name in zip(range(freezes()), itertools.cycle(disturbances), strict=False):
            with disturbances[name](live):
                frozen = freeze(
                    live, "sealed" if name == "a run that holds the lock" else "ingress"
                )
                told = f"{name}, {frozen.word_at - frozen.asked_at:.2f} s: {frozen.answer.told}"
                print(
                    f"{name}: {frozen.answer.body['freeze']}"
                    f" after {frozen.word_at - frozen.asked_at:.2f} s"
                )
                assert frozen.answer.code == 0 or name in HOLDING_UP, told
                if name in DISTURBANCES:
                    assert crowd.accepted_since(frozen.word_at) == 0, told
            if frozen.answer.code:
                assert (frozen.answer.code, frozen.answer.body["freeze"]) == (8, "freezing"), told
                wait_until(
                    lambda: said(live) == "ingress", "the platform finishes the freeze by itself"
                )
            word_at = time.monotonic() if frozen.answer.code else frozen.word_at
            assert crowd.accepted_since(word_at) == 0, told
            open_by_hand(live)
            # The crowd keeps making deposits, so do not wait until all events are delivered.
            wait_until(live.is_green, "every copy is well and open", 0.1)
            crowd.await_accepted(time.monotonic())


def start_and_read_until(live: Live, wanted: str) -> Forked:
    """Start a freeze and read its stderr until `wanted` appears."""
    process = live.start("freeze", "--reason", "the brake")
    told = ""
    assert process.stderr is not None
    while wanted not in told:
        line = process.stderr.readline()
        assert line, f"nobody was named: {told}"
        told += line
    return process


@pytest.mark.parametrize("holder", HOLDERS)
def test_whoever_holds_the_fence_row_is_named_with_the_line_that_ends_it(
    live: Live, holder: str
) -> None:
    with session(live, HOLDERS[holder]) as held:
        pid = held.info.backend_pid
        began = time.monotonic()
        process = start_and_read_until(live, f"rubyops sessions end {pid}")
        print(f"{holder}: named after {time.monotonic() - began:.2f} s")
        ended = live.run("sessions", "end", str(pid))
        assert ended.code == 0, ended.told
        answer = finish(process)
    assert (answer.code, answer.body["freeze"]) == (0, "ingress"), answer.told


def test_a_freeze_that_gave_up_is_finished_by_the_platform(live: Live) -> None:
    with Crowd(live).at_work() as crowd, session(live, HOLDERS["a row lock"]):
        crowd.await_accepted(0)
        frozen = freeze(live)
        assert (frozen.answer.code, frozen.answer.body["freeze"]) == (8, "freezing")
        # The services refuse new money commands although the fence row could not be written.
        assert crowd.accepted_since(frozen.word_at) == 0
        assert said(live) == "freezing"
    wait_until(lambda: said(live) == "ingress", "the platform finishes the freeze by itself")


def test_a_drain_names_who_holds_the_outbox(live: Live) -> None:
    assert freeze(live).answer.code == 0
    with session(live, "LOCK TABLE wallet.wallet_outbox IN SHARE UPDATE EXCLUSIVE MODE") as held:
        answer = live.run("drain-outbox", "--timeout-seconds", "2")
        assert answer.code == 8, answer.told
        assert f"database session {held.info.backend_pid} of a-person" in answer.told
        assert f"rubyops sessions end {held.info.backend_pid}" in answer.told
    assert live.run("drain-outbox").code == 0


def test_a_copy_that_stands_still_keeps_it_freezing_and_is_named(live: Live) -> None:
    with live.stopped("gateway"):
        frozen = freeze(live)
        assert (frozen.answer.code, frozen.answer.body["freeze"]) == (8, "freezing")
        assert "gateway copy 1" in frozen.answer.told
        assert f"kill -9 {live.pids('gateway')[0]}" in frozen.answer.told
    wait_until(lambda: said(live) == "ingress", "the copy wakes and acknowledges")


def test_the_metric_tells_the_word_that_status_tells(live: Live) -> None:
    def metric() -> set[str]:
        text = live._client.get(
            f"{live.driver.process_url('wallet_service')}/metrics",
            headers=GetClient(live.driver).observer_headers(),
        ).text
        found = re.findall(r'^rubyops_freeze_level\{level="(\w+)"\} 1\.0$', text, re.MULTILINE)
        return set(found)

    def both_say(word: str) -> bool:
        return metric() == {word} and said(live) == word

    wait_until(lambda: both_say("open"), "both say open")
    with live.stopped("gateway"):
        # While the freeze waits for the suspended gateway, both reports must say `freezing`.
        freezing = live.start("freeze", "--level", "sealed", "--reason", "a test")
        wait_until(lambda: both_say("freezing"), "both say freezing")
        assert finish(freezing).code == 8
    wait_until(lambda: both_say("sealed"), "both say sealed")


def test_a_freeze_stops_the_run_that_holds_the_lock_at_its_next_effect(live: Live) -> None:
    with live.paused_before("reconcile", "run", "verify") as run:
        assert freeze(live).answer.code == 0
        answer = run.go_on()
    assert answer.code == 3, answer.told
    assert "changed the freeze to ingress" in answer.told
    assert "it changes nothing any more" in answer.told


def test_a_platform_that_has_settled_down_takes_what_it_refused(live: Live) -> None:
    player = live.player()
    assert freeze(live).answer.code == 0
    assert live.deposit(player, "1.00").status_code == 503
    open_by_hand(live)
    live.settle_down()
    taken = live.deposit(player, "1.00")
    assert taken.status_code == 200, taken.text


def test_the_freeze_works_where_no_journal_can_be_written(live: Live) -> None:
    folder = live.environment.home / "journal"
    aside = folder.with_name("journal.aside")
    folder.rename(aside)
    folder.touch()
    try:
        answer = live.run("freeze", "--reason", "the disk is full")
    finally:
        folder.unlink()
        aside.rename(folder)
    assert (answer.code, answer.body["freeze"]) == (0, "ingress"), answer.told
    assert "NOT JOURNALLED" in answer.told
    row = live.one(
        "SELECT reason FROM control.freeze_history ORDER BY epoch DESC LIMIT 1", database="control"
    )
    assert row["reason"] == "the disk is full"
