"""A freeze opens only for its owner, after one full verification of this state (K1, K14, K18)."""

import os
import signal
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from tests.acceptance.platform import Live, wait_until
from wallet_runtime.contract.documents import RUBY_SPLIT_V1
from wallet_runtime.contract.freeze import INGRESS, OPEN, SEALED
from wallet_runtime.contract.processes import ADMIN_SERVICE
from wallet_runtime.contract.secrets import ADMIN_TOKEN_PREFIX

pytestmark = [pytest.mark.slow, pytest.mark.fault]
Change = Callable[[Live], None]


def as_admin(live: Live, method: str, path: str, body: dict[str, Any]) -> None:
    """Send a request as a person of the back office; the request must succeed."""
    token = live.driver.secret(f"{ADMIN_TOKEN_PREFIX}OPERATOR").reveal()
    url = live.driver.process_url(ADMIN_SERVICE) + path
    headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": os.urandom(8).hex()}
    answer = live._client.request(method, url, json=body, headers=headers)
    assert answer.status_code == 200, answer.text


def activated_by_the_back_office(live: Live) -> None:
    found = live.one(
        "SELECT document, (SELECT max(version) + 1 FROM wallet.wallet_policy) AS next "
        "FROM wallet.wallet_policy WHERE version = 1"
    )
    document = {**found["document"], "version": found["next"]}
    as_admin(live, "PUT", "/api/v1/policy/default", document)
    as_admin(live, "PUT", "/api/v1/policy/default/activate", {"version": found["next"]})


def the_first_policy_again(live: Live) -> None:
    as_admin(live, "PUT", "/api/v1/policy/default/activate", {"version": 1})


def killed(live: Live, process: str) -> None:
    (before,) = live.pids(process)
    os.kill(before, signal.SIGKILL)
    wait_until(lambda: live.pids(process) not in ([before], [0]), f"{process} is started again")
    live.settle_down()


def frozen_and_lifted_by_somebody_else(live: Live) -> None:
    live.rows(
        "SELECT * FROM"
        " control.raise_freeze('r-x/f/1', 'r-x', 'person:ann', 'ingress', 'look', 'ann')",
        database="control",
    )
    live.rows(
        "DELETE FROM control.freeze_layer WHERE run_id = 'r-x' RETURNING 1", database="control"
    )


def another_revision(live: Live) -> None:
    live.rows("UPDATE public.alembic_version SET version_num = version_num || '-other' RETURNING 1")


def restored_revision(live: Live) -> None:
    restored = "replace(version_num, '-other', '')"
    live.rows(f"UPDATE public.alembic_version SET version_num = {restored} RETURNING 1")


def a_hand_made_copy(live: Live) -> None:
    live.rows(
        "INSERT INTO control.service_copy"
        " (process, copy, url, version, pid, acknowledged_epoch, heartbeat_at)"
        " SELECT process, 9, url, version, 1, acknowledged_epoch, now() + interval '1 minute'"
        " FROM control.service_copy"
        " WHERE process = 'gateway' RETURNING 1",
        database="control",
    )


def forgotten_copy(live: Live) -> None:
    live.rows("DELETE FROM control.service_copy WHERE copy = 9 RETURNING 1", database="control")


def failed_verification(live: Live) -> None:
    with live.stopped("rolling_worker"):
        assert live.run("verify").code == 5


def nothing(live: Live) -> None:
    """The undo of a change that needs none."""


def back_to_one(live: Live) -> None:
    live.activate(1)


def typed(*lines: str) -> Change:
    """Run these rubyops commands one after the other.

    Exit code 1 is allowed, because a backfill with rows that cannot be converted returns it.
    """

    def go(live: Live) -> None:
        for line in lines:
            answer = live.run(*line.split())
            assert answer.code in (0, 1), answer.told

    return go


def taken_down_and_up(live: Live) -> None:
    live.close()
    typed("down", "up")(live)


# Changes after a passed verification, each with its undo.
CHANGES: dict[str, tuple[Change, Change]] = {
    "activated by a run": (typed(f"topology activate {RUBY_SPLIT_V1} 2"), back_to_one),
    "activated through the back office": (activated_by_the_back_office, the_first_policy_again),
    "consumers stopped": (typed("stop-consumers"), typed("start-consumers")),
    "consumers stopped and started": (typed("stop-consumers", "start-consumers"), nothing),
    "a service killed": (lambda live: killed(live, "wallet_service"), nothing),
    "a worker killed": (lambda live: killed(live, "rolling_worker"), nothing),
    "another schema": (another_revision, restored_revision),
    "frozen deeper": (typed("freeze --level sealed"), nothing),
    "frozen and lifted by another": (frozen_and_lifted_by_somebody_else, nothing),
    "a copy started by hand": (a_hand_made_copy, forgotten_copy),
    "a backfill": (typed("backfill --dry-run", "backfill"), nothing),
    "taken down and up": (taken_down_and_up, nothing),
    "a later verification failed": (failed_verification, nothing),
}


def verify_a_freeze(live: Live) -> None:
    live.done("freeze", "--reason", "suspected fraud")
    live.done("verify")


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_after_the_verification_takes_it_away(live: Live, change: str) -> None:
    make, undo = CHANGES[change]
    verify_a_freeze(live)
    make(live)
    try:
        answer = live.run("thaw")
        assert answer.code == 3, f"{change}: {answer.told}"
        assert "not verified" in answer.told
        assert live.level() != OPEN
    finally:
        undo(live)


def test_a_whole_verification_opens_the_freeze_of_who_types_it(live: Live) -> None:
    verify_a_freeze(live)
    answer = live.done("thaw")
    assert answer.body["freeze"] == OPEN
    assert (live.level(), live.gate()["freeze_level"]) == (OPEN, OPEN)


def test_parts_of_two_runs_are_not_added_up(live: Live) -> None:
    live.done("freeze")
    for words in (("smoke",), ("canary",), ("reconcile", "ledger")):
        live.done(*words)
    answer = live.run("thaw")
    assert (answer.code, live.level()) == (3, INGRESS)
    assert "not verified" in answer.told


def test_an_old_verification_does_not_count(live: Live) -> None:
    verify_a_freeze(live)
    live.rows(
        "UPDATE control.verification SET begun_at = begun_at - interval '31 minutes' RETURNING 1",
        database="control",
    )
    answer = live.run("thaw")
    assert (answer.code, live.level()) == (3, INGRESS)


def test_a_rollback_leaves_alone_what_it_did_not_set(live: Live) -> None:
    live.activate(2)
    live.done("freeze", "--reason", "suspected fraud")
    answer = live.done("rollback", "--tier", "2")
    assert (answer.body["freeze"], live.level()) == (INGRESS, INGRESS)
    assert "suspected fraud" in answer.told
    assert len(live.freezes()) == 1


def test_a_dead_rollback_is_taken_over_by_name(live: Live) -> None:
    live.activate(2)
    killed_run = live.run("rollback", "--tier", "2", failpoint="after-outcome:1")
    assert killed_run.code == -signal.SIGKILL
    run_id = live.newest_run()
    live.done("verify")
    refused = live.run("thaw")
    assert (refused.code, live.level()) == (3, INGRESS), "it belongs to the dead run"
    assert run_id in refused.told
    answer = live.done("rollback", "--tier", "2", "--take-over", run_id)
    assert (answer.body["freeze"], live.level()) == (OPEN, OPEN)
    assert any(line["type"] == "freeze_taken_over" for line in live.journal(run_id))
    resumed = live.run("runs", "resume", run_id)
    assert resumed.code == 3, resumed.told
    assert "was changed since" in resumed.told


def test_a_run_killed_before_its_freeze_was_written_down_does_not_go_on_at_an_open_level(
    live: Live,
) -> None:
    live.activate(2)
    died = live.run("rollback", "--tier", "2", failpoint="after-effect:1")
    assert died.code == -signal.SIGKILL
    run_id = live.newest_run()
    live.done("verify")
    live.done("thaw", "--take-over", run_id)
    assert live.level() == OPEN
    answer = live.run("runs", "resume", run_id)
    assert (answer.code, live.level(), live.gate()["topology_version"]) == (3, OPEN, 2)
    assert "was changed since" in answer.told


def test_a_freeze_of_another_person_stays_with_that_person(
    live: Live,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    live.done("freeze", "--reason", "mine")
    live.rows(
        "UPDATE control.freeze_layer SET owner = 'person:ann' RETURNING 1", database="control"
    )
    live.done("verify")
    # Anybody can set these variables in a shell, so they must not decide who the owner is.
    monkeypatch.setenv("LOGNAME", "ann")
    monkeypatch.setenv("USER", "ann")
    answer = live.run("thaw")
    assert (answer.code, live.level()) == (3, INGRESS)
    assert "take-over" in answer.told


def test_a_sealed_database_cannot_be_lowered_past_the_guards(live: Live) -> None:
    live.done("freeze", "--level", "sealed")
    dsn = live.driver.dsn("rubyops_ops", "platform")
    with psycopg.connect(dsn, autocommit=True) as operator:
        later = live.gate()["freeze_epoch"] + 1
        for call in (f"raise_freeze('ingress', {later})", f"raise_freeze('open', {later})"):
            try:
                operator.execute(f"SELECT wallet.{call}".encode())
            except psycopg.Error:
                continue
    assert live.gate()["freeze_level"] == SEALED
