"""A freeze that operators set reaches a process within a second (SPEC 1.6).

A process whose link to `control` is broken reports that.
"""

import time
from collections.abc import Iterator

import psycopg
import pytest

from tests.cluster import TestDatabase
from tests.wallet_runtime.serving import NO_SERVER, await_until, environment_for
from wallet_runtime.plumbing.runtime.control_link import ControlLink, Freeze, Report
from wallet_runtime.plumbing.runtime.settings import read_settings


def link_to(url: str) -> ControlLink:
    return ControlLink(read_settings("gateway", environment_for("gateway", 8000, control=url)))


@pytest.fixture
def link(control_db: TestDatabase) -> Iterator[ControlLink]:
    started = link_to(control_db.dsn("gateway"))
    assert started.freeze == Freeze("sealed", -1)
    started.start(lambda: Report(True, {"status": "ok"}))
    await_until(lambda: started.freeze == Freeze("open", 0))
    yield started
    started.stop()


def set_level(control_db: TestDatabase, level: str) -> None:
    with psycopg.connect(control_db.superuser_dsn, autocommit=True) as connection:
        connection.execute("UPDATE control.freeze_state SET level = %s, epoch = epoch + 1", [level])


def copy_row(control_db: TestDatabase) -> dict[str, object]:
    with psycopg.connect(control_db.superuser_dsn) as connection:
        cursor = connection.execute(
            "SELECT *, clock_timestamp() - heartbeat_at < '2 s' AS beats FROM control.service_copy"
        )
        row = cursor.fetchone()
        return dict(
            zip([column.name for column in cursor.description or ()], row or (), strict=False)
        )


def test_a_change_is_acknowledged_within_a_second(
    link: ControlLink, control_db: TestDatabase
) -> None:
    for epoch, level in enumerate(("ingress", "sealed", "open"), 1):
        set_level(control_db, level)
        await_until(lambda epoch=epoch: copy_row(control_db)["acknowledged_epoch"] == epoch, 1.0)
        assert link.freeze == Freeze(level, epoch)


def test_the_copy_registers_itself_and_beats(link: ControlLink, control_db: TestDatabase) -> None:
    row = copy_row(control_db)
    assert (row["process"], row["copy"], row["url"], row["ready"]) == (
        "gateway",
        1,
        "http://127.0.0.1:8000",
        True,
    )
    assert row["detail"] == {"status": "ok"}
    time.sleep(2.2)
    assert copy_row(control_db)["beats"]


def test_a_stop_leaves_the_copy_not_ready(link: ControlLink, control_db: TestDatabase) -> None:
    link.stop()
    assert copy_row(control_db)["ready"] is False


def test_a_broken_connection_heals_and_the_last_level_stays(
    link: ControlLink, control_db: TestDatabase
) -> None:
    set_level(control_db, "ingress")
    await_until(lambda: link.freeze.level == "ingress", 1.0)
    control_db.end_sessions("gateway-1-control")
    assert link.freeze.level == "ingress"
    set_level(control_db, "open")
    await_until(lambda: link.freeze.level == "open", 2.0)


def test_without_control_money_is_sealed_and_the_copy_is_red() -> None:
    link = link_to(NO_SERVER)
    link.start(lambda: Report(True, {}))
    time.sleep(0.5)
    assert link.freeze == Freeze("sealed", -1)
    assert link.check() == "control was never read"
    link.stop()


def test_silence_turns_the_copy_red_after_five_seconds(link: ControlLink) -> None:
    assert link.check() == "ok"
    link._answered_at -= 6
    assert link.check() == "control has not answered for 6 s" or link.silence_seconds() < 1
