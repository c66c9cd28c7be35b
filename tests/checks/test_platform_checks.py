"""Each platform check passes on the data of a healthy platform and fails under its fault."""

import dataclasses
from typing import Any

import psycopg
import pytest

from checks.money import outbox_age, outbox_drained
from checks.platform import (
    forward_progress,
    freeze_acknowledged,
    migrations_current,
    policy_endpoint,
    service_health,
    single_seed,
    topology_endpoint,
)
from checks.release import gate_01, gate_02, gate_06, gate_09, gate_10
from rubyops.ports import HttpAnswer, Row
from rubyops.testing.reading import FACTS, MemoryRead
from tests.checks.healthy import (
    DRAINED,
    PAIR,
    POLICY,
    beats,
    healthy,
    with_answer,
    with_fact,
)
from tests.checks.live import LiveRead
from tests.cluster import TestDatabase
from wallet_runtime.contract.events import CONSUMER_GROUPS
from wallet_runtime.contract.processes import (
    PROCESSES,
    WALLET_SERVICE,
)


@pytest.mark.parametrize(
    "look",
    [
        service_health.run,
        forward_progress.run,
        freeze_acknowledged.run,
        topology_endpoint.run,
        policy_endpoint.run,
        single_seed.run,
        outbox_drained.run,
        gate_10.audit,
    ],
)
def test_a_healthy_platform_is_green(look: Any) -> None:
    finding = look(healthy())
    assert finding.ok, finding.summary


def test_without_a_copy_of_wallet_service_nobody_confirms_the_topology() -> None:
    kept = [copy for copy in healthy().kept if copy.process != WALLET_SERVICE]
    gone = beats(WALLET_SERVICE, heartbeat_age_ms=60_000)
    finding = topology_endpoint.run(healthy(kept=kept, facts=gone))
    assert finding.status == "inconclusive"
    assert "no copy of wallet_service is kept" in finding.summary


def test_endpoints_that_answer_another_version_are_red() -> None:
    other = healthy(
        answers=with_answer(
            WALLET_SERVICE, topology_endpoint.PATH, HttpAnswer(200, {**PAIR, "topology_version": 2})
        )
    )
    assert (
        "answered 200 RUBY_SPLIT_V1 v2; active is RUBY_SPLIT_V1 v1"
        in topology_endpoint.run(other).summary
    )
    none = healthy(facts=with_fact("facts_gate", {"topology_code": None, "topology_version": None}))
    assert "no topology is active" in topology_endpoint.run(none).summary
    other = healthy(
        answers=with_answer(WALLET_SERVICE, policy_endpoint.PATH, HttpAnswer(200, {"policies": []}))
    )
    told = policy_endpoint.run(other).summary
    assert "wallet_service copy 1 says nothing; active are default v1" in told
    failing = healthy(
        answers=with_answer(WALLET_SERVICE, policy_endpoint.PATH, HttpAnswer(503, {}))
    )
    assert "answered 503" in policy_endpoint.run(failing).summary


def test_two_seeds_or_a_mismatched_pair_are_red() -> None:
    both = with_fact(
        "facts_topologies",
        *healthy().facts["facts_topologies"],
        {"code": "RUBY_UNIFIED_V1", "version": 1, "state": "DRAFT"},
    )
    assert (
        "seeds loaded: RUBY_SPLIT_V1, RUBY_UNIFIED_V1; this environment is for RUBY_SPLIT_V1 alone"
        in single_seed.run(healthy(facts=both)).summary
    )
    inactive = with_fact(
        "facts_topologies", {"code": "RUBY_SPLIT_V1", "version": 1, "state": "DRAFT"}
    )
    assert "0 topologies are ACTIVE" in single_seed.run(healthy(facts=inactive)).summary
    foreign = with_fact("facts_active_policies", {**POLICY, "topology_version": 2})
    assert (
        "policy default v1 is for RUBY_SPLIT_V1 v2"
        in single_seed.run(healthy(facts=foreign)).summary
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"lag": 2}, "2 to read, 0 not acknowledged"),
        ({"pending": 1}, "0 to read, 1 not acknowledged"),
        ({"group": "other"}, "has no group rolling_worker"),
    ],
)
def test_drained_is_red_while_a_group_is_behind_or_missing(change: Row, words: str) -> None:
    first, *others = healthy().stream_groups
    assert (
        words in outbox_drained.run(healthy(stream_groups=[{**first, **change}, *others])).summary
    )


def test_a_consumer_that_has_never_run_is_not_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    groups = (*CONSUMER_GROUPS, ("wallet.events.0", "another_worker"))
    for check in (outbox_age, outbox_drained):
        monkeypatch.setattr(check, "CONSUMER_GROUPS", groups)
    assert "wallet.events.0 has no group another_worker" in outbox_drained.run(healthy()).summary
    age = outbox_age.run(healthy())
    assert age.status == "inconclusive"
    assert "1 of 8 streams have no group of consumers: wallet.events.0 has no" in age.summary


def test_drained_is_red_while_an_event_is_unpublished() -> None:
    waiting = with_fact("facts_outbox", {**DRAINED, "wallet_unpublished": 3, "oldest_age_ms": 10})
    assert (
        "3 events in the wallet outbox are unpublished"
        in outbox_drained.run(healthy(facts=waiting)).summary
    )


def test_an_outbox_whose_published_events_nobody_has_is_not_drained() -> None:
    lost = with_fact("facts_outbox", {**DRAINED, "unapplied": 218, "missing": 218})
    words = "218 published events are not applied by their consumer, 218 of them lost by the stream"
    assert words in outbox_drained.run(healthy(facts=lost)).summary


def test_recorded_results_decide_gates_1_and_2() -> None:
    """GATE-1 and GATE-2 follow recorded results; `test_evidence.py` tests which results count."""
    good, bad = {"passed": True}, {"passed": False}
    assert gate_01.run(healthy()).status == "inconclusive"
    assert gate_01.run(healthy(recorded={"tests": good})).ok
    assert gate_01.run(healthy(recorded={"tests": bad})).status == "failed"
    assert gate_02.run(healthy(recorded={"flows:RUBY_UNIFIED_V1": good})).status == "inconclusive"
    assert gate_02.run(healthy(recorded={f"flows:{FACTS.topology}": bad})).status == "failed"


def test_gate_2_asks_which_code_runs_now() -> None:
    recorded = {
        f"flows:{FACTS.topology}": {
            "passed": True,
            "flows": {"FLOW-1": "ok", "FLOW-11": "noop"},
        }
    }
    environment = dataclasses.replace(FACTS, code="c0de")
    answers = {
        (process, 1, "/health"): HttpAnswer(200, {"process": process, "code": "c0de"})
        for process in PROCESSES
    }
    facts = with_fact(
        "facts_copies_code",
        {"process": "gateway", "copy": 7, "code": "old", "heartbeat_age_ms": 9_000},
    )
    read = healthy(recorded=recorded, environment=environment, answers=answers, facts=facts)
    assert gate_02.run(read).ok
    silent = {**answers, ("gateway", 1, "/health"): HttpAnswer(0, None, "timed out")}
    assert (
        "gateway 1 does not tell" in gate_02.run(dataclasses.replace(read, answers=silent)).summary
    )
    other = dataclasses.replace(read, environment=FACTS)
    assert gate_02.run(other).status == "inconclusive"


def test_what_is_not_built_is_inconclusive() -> None:
    assert gate_06.run(healthy()).status == gate_09.run(healthy()).status == "inconclusive"


def test_the_legacy_token_turns_gate_10_red_and_its_absence_alone_decides_nothing() -> None:
    armed = HttpAnswer(200, {"legacy_token_present": True})
    assert (
        "gateway copy 1 has INTERNAL_SERVICE_TOKEN set"
        in gate_10.run(healthy(answers=with_answer("gateway", "/health", armed))).summary
    )
    mute = HttpAnswer(200, {})
    assert (
        "gateway copy 1 does not say"
        in gate_10.run(healthy(answers=with_answer("gateway", "/health", mute))).summary
    )
    nobody = healthy(kept=[], facts=with_fact("facts_service_copies"))
    assert gate_10.run(nobody).status == "failed"
    assert gate_10.run(healthy()).status == "inconclusive"


def test_migrations_are_current_on_a_migrated_pair_and_behind_on_an_older_revision(
    platform_db: TestDatabase, control_db: TestDatabase
) -> None:
    read = LiveRead(databases={"platform": platform_db, "control": control_db})
    assert migrations_current.run(read).ok
    there = {"facts_has_revision_table": [{"present": True, "definitions": False, "schema": True}]}
    behind = MemoryRead(facts={**there, "facts_revision": [{"version_num": "0000"}]})
    assert "platform is at 0000" in migrations_current.run(behind).summary
    nothing = {"present": False, "definitions": False, "schema": False}
    empty = MemoryRead(facts={"facts_has_revision_table": [nothing]})
    assert "platform is at no revision" in migrations_current.run(empty).summary
    with psycopg.connect(platform_db.superuser_dsn) as connection:
        connection.execute("DELETE FROM public.alembic_version")
    unknown = migrations_current.run(read)
    assert unknown.status == "inconclusive"
    assert "database platform has a schema, and its revision cannot be told" in unknown.summary
