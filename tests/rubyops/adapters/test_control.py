"""The lock, the freeze and the anchor in a real control database."""

from dataclasses import replace

import psycopg
import pytest

from rubyops.adapters.control import ControlDatabase
from rubyops.adapters.database import Link
from rubyops.adapters.host import this_process
from rubyops.errors import (
    CheckFailed,
    LockHeld,
    LockLost,
    Overruled,
    Refused,
    Unreachable,
    WriteAttempted,
)
from rubyops.ports import EffectIdentity
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


def test_of_another_host_nothing_is_known_until_the_lease_ends(
    control: ControlDatabase, control_db: TestDatabase
) -> None:
    control.acquire("r-1", ELSEWHERE)
    with pytest.raises(LockHeld, match="another-host"):
        control.acquire("r-2", HERE)
    with psycopg.connect(control_db.superuser_dsn) as connection:
        connection.execute("UPDATE control.run_lock SET expires_at = now() - interval '1 second'")
    control.acquire("r-2", HERE)


def identity_of(
    run_id: str, token: int = 0, *, owner: str = "", effect: str = "f/1"
) -> EffectIdentity:
    return EffectIdentity(f"{run_id}/{effect}", run_id, token, "me", owner or f"run:{run_id}")


def test_the_brake_needs_no_lock_and_acts_once_per_effect(control: ControlDatabase) -> None:
    control.acquire("r-other", HERE)
    first = control.raise_freeze(identity_of("r-1"), "ingress", "why")
    assert (first.epoch, first.level, first.applied) == (1, "ingress", True)
    again = control.raise_freeze(identity_of("r-1"), "ingress", "why")
    assert (again.epoch, again.present, again.applied) == (1, 1, False)
    sealed = control.raise_freeze(identity_of("r-1", effect="s/1"), "sealed", "why")
    assert (sealed.epoch, sealed.level) == (2, "sealed")
    down = control.raise_freeze(identity_of("r-1", effect="t/1"), "ingress", "why")
    assert (down.level, down.applied) == ("sealed", False), "a layer never goes down"
    assert control.last_freeze_of("r-1") == (2, "sealed")


def test_the_strictest_layer_is_in_force_and_each_lifts_its_own(control: ControlDatabase) -> None:
    control.raise_freeze(identity_of("r-1"), "sealed", "rollback")
    control.raise_freeze(identity_of("r-2", owner="person:ann"), "ingress", "fraud")
    token = control.acquire("r-3", HERE)
    with pytest.raises(Refused, match="belongs"):
        control.lift_freeze(identity_of("r-3", token), "", "", 0)
    lifted = control.lift_freeze(identity_of("r-3", token, owner="person:ann"), "all clear", "", 0)
    assert (lifted.level, lifted.applied) == ("sealed", True), "the run's freeze stays"
    taken = control.take_over_freeze(identity_of("r-3", token, effect="o/1"), "r-1")
    assert taken.level == "sealed"
    assert control.lift_freeze(identity_of("r-3", token, effect="l/2"), "", "", 0).level == "open"
    with pytest.raises(Refused, match="no freeze to take over"):
        control.take_over_freeze(identity_of("r-3", token, effect="o/2"), "r-1")


def test_only_the_holder_lifts(control: ControlDatabase) -> None:
    token = control.acquire("r-1", HERE)
    control.raise_freeze(identity_of("r-1"), "ingress", "why")
    with pytest.raises(LockLost):
        control.lift_freeze(identity_of("r-1", token - 1, effect="l/1"), "", "", 0)
    with pytest.raises(LockLost):
        control.take_over_freeze(identity_of("r-0", token, effect="o/1"), "r-1")
    assert control.freeze().level == "ingress"


def test_a_repeat_after_somebody_lifted_it_tells_both_epochs(control: ControlDatabase) -> None:
    token = control.acquire("r-1", HERE)
    control.raise_freeze(identity_of("r-1"), "ingress", "why")
    control.lift_freeze(identity_of("r-1", token, effect="l/1"), "", "", 0)
    again = control.raise_freeze(identity_of("r-1"), "ingress", "why")
    assert (again.applied, again.epoch, again.present, again.level) == (False, 1, 2, "open")


def test_a_second_freeze_of_a_person_is_a_freeze_of_its_own(control: ControlDatabase) -> None:
    ann = "person:ann"
    control.raise_freeze(identity_of("r-1", owner=ann), "ingress", "test")
    second = control.raise_freeze(identity_of("r-2", owner=ann), "ingress", "suspected fraud")
    assert (second.applied, second.epoch) == (True, 2)


def test_a_run_changes_only_the_freeze_that_it_knows(control: ControlDatabase) -> None:
    token = control.acquire("r-1", HERE)
    control.raise_freeze(identity_of("r-0"), "ingress", "fraud")

    def stale(effect: str) -> EffectIdentity:
        return replace(identity_of("r-1", token, effect=effect), known_epoch=0)

    with pytest.raises(Overruled, match="epoch 1, and this run knows epoch 0"):
        control.raise_freeze(stale("f/1"), "sealed", "why")
    with pytest.raises(Overruled, match="in run r-0"):
        control.take_over_freeze(stale("o/1"), "r-0")
    with pytest.raises(Overruled, match="in run r-0"):
        control.lift_freeze(stale("l/1"), "", "r-0", 0)
    assert control.freeze().level == "ingress"
    now = replace(identity_of("r-1", token), known_epoch=1)
    assert control.raise_freeze(now, "sealed", "why").epoch == 2


def test_a_freeze_is_lifted_only_on_the_change_that_was_verified(control: ControlDatabase) -> None:
    token = control.acquire("r-1", HERE)
    control.raise_freeze(identity_of("r-1"), "ingress", "why")
    control.note_change("stop processes", "me")
    identity = identity_of("r-1", token, effect="l/1")
    with pytest.raises(Overruled, match="change 1, verified 0"):
        control.lift_freeze(identity, "", "", 0)
    with pytest.raises(Overruled, match="not verified"):
        control.lift_freeze(identity, "", "", None)
    assert control.lift_freeze(identity, "", "", 1).level == "open"
    control.note_change("stop processes", "me")
    with pytest.raises(Overruled, match="change 2, verified 1"):
        control.lift_freeze(identity, "", "", 1)  # a resumed run repeats the lift


def test_a_freeze_is_taken_over_and_lifted_in_one_act(control: ControlDatabase) -> None:
    token = control.acquire("r-2", HERE)
    control.raise_freeze(identity_of("r-1"), "sealed", "why")
    identity = identity_of("r-2", token, effect="l/1")
    with pytest.raises(Refused, match="run r-0 has no freeze to take over"):
        control.lift_freeze(identity, "", "r-0", 0)
    assert control.lift_freeze(identity, "", "r-1", 0).level == "open"


def test_a_verification_passes_only_on_the_state_that_it_began_on(control: ControlDatabase) -> None:
    token = control.acquire("r-1", HERE)
    control.begin_verification(identity_of("r-1", token), "smoke", {"freeze": {"epoch": 1}})
    with pytest.raises(CheckFailed, match="freeze epoch: 1 -> 2"):
        control.pass_verification(identity_of("r-1", token), "smoke", {"freeze": {"epoch": 2}})
    control.pass_verification(identity_of("r-1", token), "smoke", {"freeze": {"epoch": 1}})
    with pytest.raises(LockLost):
        control.begin_verification(identity_of("r-1", token - 1), "smoke", {})
    with pytest.raises(LockLost):
        control.pass_verification(identity_of("r-1", token - 1), "smoke", {"freeze": {"epoch": 1}})


def test_the_anchor_never_goes_back(control: ControlDatabase) -> None:
    control.anchor("r-1", 5, "five")
    control.anchor("r-1", 4, "four")
    assert control.head("r-1") == (5, "five")
    assert control.head("r-2") is None


def test_a_broken_connection_is_replaced(
    control: ControlDatabase, control_db: TestDatabase
) -> None:
    control.freeze()
    control_db.end_sessions("rubyops")
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
