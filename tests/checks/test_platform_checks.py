"""Each platform check on a healthy platform given as data, and red under the fault it exists for."""

import dataclasses
from typing import Any

import pytest

from checks.money import outbox_drained
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
from rubyops.ports import Copy, HttpAnswer, Row
from tests.checks.live import LiveRead
from tests.cluster import TestDatabase
from tests.commands.memory import ENVIRONMENT, MemoryRead
from wallet_runtime.contract import PARTITIONS, PROCESSES, ROLLING_GROUP, WALLET_SERVICE, WALLET_STREAM_PREFIX, WORKER_PROCESSES

LOOP = {"age_seconds": 0.1, "limit_seconds": 5, "failures": 0, "ok": True}
PAIR: Row = {"topology_code": "RUBY_SPLIT_V1", "topology_version": 1}
POLICY: Row = {"policy_key": "default", "version": 1, **PAIR}


def health(process: str) -> HttpAnswer:
    loops = {"turns": LOOP} if process in WORKER_PROCESSES else {}
    return HttpAnswer(200, {"process": process, "checks": {"database": "ok"}, "loops": loops, "legacy_token_present": False})


def healthy(**changes: Any) -> MemoryRead:
    answers = {(process, 1, "/health"): health(process) for process in PROCESSES}
    answers[WALLET_SERVICE, 1, topology_endpoint.PATH] = HttpAnswer(200, PAIR)
    answers[WALLET_SERVICE, 1, policy_endpoint.PATH] = HttpAnswer(200, {"policies": [POLICY]})
    reported = [{"process": process, "copy": 1, "acknowledged_epoch": 4, "heartbeat_age_ms": 150} for process in PROCESSES]
    facts = {
        "facts_service_copies": reported,
        "facts_freeze": [{"level": "ingress", "epoch": 4}],
        "facts_gate": [{**PAIR, "policy_key": "default", "policy_version": 1, "freeze_level": "ingress", "freeze_epoch": 4}],
        "facts_topologies": [
            {"code": "RUBY_SPLIT_V1", "version": 1, "state": "ACTIVE"},
            {"code": "RUBY_SPLIT_V1", "version": 2, "state": "DRAFT"},
        ],
        "facts_active_policies": [POLICY],
        "facts_outbox": [{"wallet_unpublished": 0, "rolling_unpublished": 0, "oldest_age_ms": None, "set_aside": 0}],
    }
    groups = [
        {"stream": f"{WALLET_STREAM_PREFIX}{number}", "group": ROLLING_GROUP, "lag": 0, "pending": 0, "length": 9}
        for number in range(PARTITIONS)
    ]
    copies = [Copy(process, 1, "http://127.0.0.1:1", 1, "running") for process in PROCESSES]
    read = MemoryRead(facts=facts, kept=copies, answers=answers, stream_groups=groups)
    return dataclasses.replace(read, **changes)


def with_copy(process: str, state: str) -> list[Copy]:
    return [dataclasses.replace(copy, state=state) if copy.process == process else copy for copy in healthy().kept]


def with_answer(process: str, path: str, answer: HttpAnswer) -> dict[tuple[str, int, str], HttpAnswer]:
    return {**healthy().answers, (process, 1, path): answer}


def with_fact(query: str, *rows: Row) -> dict[str, Any]:
    return {**healthy().facts, query: list(rows)}


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


def test_a_worker_that_hangs_is_a_matter_of_progress_not_of_health() -> None:
    hung = healthy(answers=with_answer("rolling_worker", "/health", HttpAnswer(0, None, "timed out")))
    assert service_health.run(hung).ok
    assert forward_progress.run(hung).status == "failed"


def test_health_is_red_for_a_missing_a_stopped_a_silent_and_a_failing_process() -> None:
    missing = healthy(kept=[copy for copy in healthy().kept if copy.process != "gateway"])
    assert "gateway: no copy is kept" in service_health.run(missing).summary
    assert "gateway copy 1: fatal, expected running" in service_health.run(healthy(kept=with_copy("gateway", "fatal"))).summary
    silent = healthy(answers=with_answer("gateway", "/health", HttpAnswer(0, None, "timed out")))
    assert "gateway copy 1: no answer (timed out)" in service_health.run(silent).summary
    sick = HttpAnswer(503, {"checks": {"database": "connection refused"}, "loops": {"a": {"ok": False}}})
    summary = service_health.run(healthy(answers=with_answer("gateway", "/health", sick))).summary
    assert "gateway copy 1: health answers 503 (database: connection refused; loop a is stale or failing)" in summary


def test_progress_is_red_for_a_worker_that_lives_but_stands_still() -> None:
    stale = {"process": "rolling_worker", "copy": 1, "acknowledged_epoch": 4, "heartbeat_age_ms": 3_001}
    rows = [row if row["process"] != "rolling_worker" else stale for row in healthy().facts["facts_service_copies"]]
    assert (
        "rolling_worker copy 1: last heartbeat 3001 ms ago"
        in forward_progress.run(healthy(facts=with_fact("facts_service_copies", *rows))).summary
    )
    stuck = HttpAnswer(503, {"loops": {"publish": {**LOOP, "age_seconds": 9, "ok": False}}})
    summary = forward_progress.run(healthy(answers=with_answer("wallet_worker", "/health", stuck))).summary
    assert "wallet_worker copy 1: loop publish last useful turn 9 s ago, allowed 5 s" in summary
    silent = healthy(answers=with_answer("wallet_worker", "/health", HttpAnswer(0, None, "timed out")))
    assert "wallet_worker copy 1: no answer (timed out)" in forward_progress.run(silent).summary


def test_progress_is_never_green_by_absence() -> None:
    assert "rolling_worker: no copy runs" in forward_progress.run(healthy(kept=with_copy("rolling_worker", "stopped"))).summary
    mute = healthy(answers=with_answer("wallet_worker", "/health", HttpAnswer(200, {"loops": {}})))
    assert "reports no loop at all" in forward_progress.run(mute).summary
    assert "never reported a heartbeat" in forward_progress.run(healthy(facts=with_fact("facts_service_copies"))).summary


def test_a_freeze_that_one_copy_did_not_confirm_is_not_in_force() -> None:
    late = [{**row, "acknowledged_epoch": 3 if row["process"] == "gateway" else 4} for row in healthy().facts["facts_service_copies"]]
    finding = freeze_acknowledged.run(healthy(facts=with_fact("facts_service_copies", *late)))
    assert finding.summary == "ingress at epoch 4 is not in force everywhere: gateway copy 1 acknowledged epoch 3"
    lagging = with_fact("facts_gate", {"freeze_level": "open", "freeze_epoch": 3})
    assert "the fence row says open at epoch 3" in freeze_acknowledged.run(healthy(facts=lagging)).summary
    stopped = healthy(kept=with_copy("gateway", "stopped"), facts=with_fact("facts_service_copies", *late))
    assert freeze_acknowledged.run(stopped).ok


def test_endpoints_that_answer_another_version_are_red() -> None:
    other = healthy(answers=with_answer(WALLET_SERVICE, topology_endpoint.PATH, HttpAnswer(200, {**PAIR, "topology_version": 2})))
    assert "answered 200 RUBY_SPLIT_V1 v2; active is RUBY_SPLIT_V1 v1" in topology_endpoint.run(other).summary
    none = healthy(facts=with_fact("facts_gate", {"topology_code": None, "topology_version": None}))
    assert "no topology is active" in topology_endpoint.run(none).summary
    other = healthy(answers=with_answer(WALLET_SERVICE, policy_endpoint.PATH, HttpAnswer(200, {"policies": []})))
    assert "the endpoint says nothing; active are default v1" in policy_endpoint.run(other).summary
    failing = healthy(answers=with_answer(WALLET_SERVICE, policy_endpoint.PATH, HttpAnswer(503, {})))
    assert "answered 503" in policy_endpoint.run(failing).summary


def test_two_seeds_or_a_mismatched_pair_are_red() -> None:
    both = with_fact("facts_topologies", *healthy().facts["facts_topologies"], {"code": "RUBY_UNIFIED_V1", "version": 1, "state": "DRAFT"})
    assert (
        "seeds loaded: RUBY_SPLIT_V1, RUBY_UNIFIED_V1; this environment is for RUBY_SPLIT_V1 alone"
        in single_seed.run(healthy(facts=both)).summary
    )
    inactive = with_fact("facts_topologies", {"code": "RUBY_SPLIT_V1", "version": 1, "state": "DRAFT"})
    assert "0 topologies are ACTIVE" in single_seed.run(healthy(facts=inactive)).summary
    foreign = with_fact("facts_active_policies", {**POLICY, "topology_version": 2})
    assert "policy default v1 is for RUBY_SPLIT_V1 v2" in single_seed.run(healthy(facts=foreign)).summary


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"lag": None}, "its lag cannot be told"),
        ({"lag": 2}, "2 to read, 0 not acknowledged"),
        ({"pending": 1}, "0 to read, 1 not acknowledged"),
        ({"group": "other"}, "has no group rolling_worker"),
    ],
)
def test_drained_is_red_while_a_group_is_behind_or_missing(change: Row, words: str) -> None:
    first, *others = healthy().stream_groups
    assert words in outbox_drained.run(healthy(stream_groups=[{**first, **change}, *others])).summary


def test_drained_is_red_while_an_event_is_unpublished() -> None:
    waiting = with_fact("facts_outbox", {"wallet_unpublished": 3, "rolling_unpublished": 0, "oldest_age_ms": 10, "set_aside": 0})
    assert "3 events in the wallet outbox are unpublished" in outbox_drained.run(healthy(facts=waiting)).summary


def test_recorded_results_decide_gates_1_and_2() -> None:
    """What makes a result believed is tried in tests/rubyops/engine/test_evidence.py."""
    good, bad = {"passed": True}, {"passed": False}
    assert gate_01.run(healthy()).status == "inconclusive"
    assert gate_01.run(healthy(recorded={"tests": good})).ok
    assert gate_01.run(healthy(recorded={"tests": bad})).status == "failed"
    assert gate_02.run(healthy(recorded={"flows:RUBY_UNIFIED_V1": good})).status == "inconclusive"
    assert gate_02.run(healthy(recorded={f"flows:{ENVIRONMENT.topology}": bad})).status == "failed"


def test_gate_2_asks_which_code_runs_now() -> None:
    recorded = {f"flows:{ENVIRONMENT.topology}": {"passed": True, "flows": {"FLOW-1": "ok", "FLOW-11": "noop"}}}
    environment = dataclasses.replace(ENVIRONMENT, code="c0de")
    answers = {(process, 1, "/health"): HttpAnswer(200, {"process": process, "code": "c0de"}) for process in PROCESSES}
    facts = with_fact("facts_copies_code", {"process": "gateway", "copy": 7, "code": "old", "heartbeat_age_ms": 9_000})
    read = healthy(recorded=recorded, environment=environment, answers=answers, facts=facts)
    assert gate_02.run(read).ok
    silent = {**answers, ("gateway", 1, "/health"): HttpAnswer(0, None, "timed out")}
    assert "gateway 1 does not tell" in gate_02.run(dataclasses.replace(read, answers=silent)).summary
    other = dataclasses.replace(read, environment=ENVIRONMENT)
    assert gate_02.run(other).status == "inconclusive"


def test_what_is_not_built_is_inconclusive() -> None:
    assert gate_06.run(healthy()).status == gate_09.run(healthy()).status == "inconclusive"


def test_the_legacy_token_turns_gate_10_red_and_its_absence_alone_decides_nothing() -> None:
    armed = HttpAnswer(200, {"legacy_token_present": True})
    assert "gateway copy 1 has INTERNAL_SERVICE_TOKEN set" in gate_10.run(healthy(answers=with_answer("gateway", "/health", armed))).summary
    mute = HttpAnswer(200, {})
    assert "gateway copy 1 does not say" in gate_10.run(healthy(answers=with_answer("gateway", "/health", mute))).summary
    assert gate_10.run(healthy(kept=[])).status == "failed"
    assert gate_10.run(healthy()).status == "inconclusive"


def test_migrations_are_current_on_a_migrated_pair_and_behind_on_an_older_revision(
    platform_db: TestDatabase, control_db: TestDatabase
) -> None:
    read = LiveRead(databases={"platform": platform_db, "control": control_db})
    assert migrations_current.run(read).ok
    behind = MemoryRead(facts={"facts_has_revision_table": [{"present": True}], "facts_revision": [{"version_num": "0000"}]})
    assert "platform is at 0000" in migrations_current.run(behind).summary
    empty = MemoryRead(facts={"facts_has_revision_table": [{"present": False}]})
    assert "platform is at no revision" in migrations_current.run(empty).summary
