"""The lock, the freeze and the anchor in a real control database."""

from dataclasses import replace

import psycopg
import pytest

from rubyops.adapters.control import ControlDatabase
from rubyops.adapters.database import Link
from rubyops.adapters.host import this_process
from rubyops.errors import LockHeld, LockLost, Unreachable, WriteAttempted
from rubyops.ports import Mark
from tests.cluster import TestDatabase

HERE = this_process()
DEAD = replace(HERE, pid=HERE.pid, started=HERE.started - 1)
ELSEWHERE = replace(HERE, host="another-host")


@pytest.fixture
def control(control_db: TestDatabase) -> ControlDatabase:
    return ControlDatabase(Link(lambda: control_db.dsn("rubyops_ops"), "control"))


def test_one_run_at_a_time(control: ControlDatabase) -> None:
    token = control.acquire("r-1", HERE)
    with pytest.raises(LockHeld, match="r-1"):
        control.acquire("r-2", HERE)
    control.renew("r-1", token)
    control.release("r-1", token)
    assert control.lock() is None
    assert control.acquire("r-2", HERE) > token


def test_the_lock_of_a_dead_process_is_taken_over_at_once(control: ControlDatabase) -> None:
    token = control.acquire("r-1", DEAD)
    assert control.lock().gone  # type: ignore[union-attr]
    later = control.acquire("r-2", HERE)
    assert later > token
    with pytest.raises(LockLost):
        control.renew("r-1", token)


def test_of_another_host_nothing_is_known_until_the_lease_ends(control: ControlDatabase, control_db: TestDatabase) -> None:
    control.acquire("r-1", ELSEWHERE)
    with pytest.raises(LockHeld, match="another-host"):
        control.acquire("r-2", HERE)
    with psycopg.connect(control_db.superuser_dsn) as connection:
        connection.execute("UPDATE control.run_lock SET expires_at = now() - interval '1 second'")
    control.acquire("r-2", HERE)


def test_a_freeze_is_set_once_per_effect_and_only_by_the_holder(control: ControlDatabase) -> None:
    mark = Mark("r-1/freeze/1", "r-1", control.acquire("r-1", HERE), "me")
    assert control.set_freeze(mark, "ingress", "why") == (1, True)
    assert control.set_freeze(mark, "ingress", "why") == (1, False)
    with pytest.raises(LockLost):
        control.set_freeze(replace(mark, effect_id="r-0/x/1", run_id="r-0", token=mark.token - 1), "open", "")
    assert (control.freeze().level, control.freeze().epoch) == ("ingress", 1)


def test_a_verification_counts_for_the_present_freeze_and_only_from_the_holder(control: ControlDatabase) -> None:
    mark = Mark("r-1/v/1", "r-1", control.acquire("r-1", HERE), "me")
    assert control.record_verification(mark, "smoke") == 0
    with pytest.raises(LockLost):
        control.record_verification(replace(mark, token=mark.token - 1), "smoke")


def test_the_anchor_never_goes_back(control: ControlDatabase) -> None:
    control.anchor("r-1", 5, "five")
    control.anchor("r-1", 4, "four")
    assert control.head("r-1") == (5, "five")
    assert control.head("r-2") is None


def test_a_broken_connection_is_replaced(control: ControlDatabase, control_db: TestDatabase) -> None:
    control.freeze()
    with psycopg.connect(control_db.superuser_dsn) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'rubyops' AND datname = current_database()"
        )
    assert control.freeze().level == "open"


def test_a_server_that_is_not_there_is_unreachable() -> None:
    gone = ControlDatabase(Link(lambda: "postgresql://nobody@127.0.0.1:1/nowhere", "control"))
    assert not gone.reachable()
    with pytest.raises(Unreachable, match="cannot be reached"):
        gone.freeze()


def test_the_reader_cannot_write_and_a_write_is_seen(control_db: TestDatabase) -> None:
    reader = Link(lambda: control_db.dsn("rubyops_read"), "control", read_only=True)
    reader.rows("facts_freeze")
    assert (reader.transactions, reader.writes) == (1, 0)
    with pytest.raises(WriteAttempted, match="tried to write"):
        reader.rows("control_lock_release", run_id="r-1", token=1)


def test_the_proof_fails_where_a_transaction_id_was_assigned(control_db: TestDatabase) -> None:
    link = Link(lambda: control_db.dsn("rubyops_ops"), "control", read_only=True)
    link.connection().read_only = False
    link.rows("control_journal_anchor", run_id="r-1", sequence=1, hash="x")
    assert link.writes == 1
