"""Each platform check on a healthy platform given as data, and red under the fault it exists for."""

import dataclasses
from typing import Any

import psycopg
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
from wallet_runtime.contract.events import PARTITIONS, ROLLING_GROUP, WALLET_STREAM_PREFIX
from wallet_runtime.contract.processes import (
    GATEWAY,
    PROCESSES,
    WALLET_SERVICE,
    WALLET_WORKER,
    WORKER_PROCESSES,
)

LOOP = {"age_seconds": 0.1, "limit_seconds": 5, "failures": 0, "ok": True}
PAIR: Row = {"topology_code": "RUBY_SPLIT_V1", "topology_version": 1}
DRAINED: Row = {
    "wallet_unpublished": 0,
    "rolling_unpublished": 0,
    "oldest_age_ms": None,
    "unapplied": 0,
    "missing": 0,
    "compared_age_ms": 900,
    "set_aside": 0,
}
POLICY: Row = {"policy_key": "default", "version": 1, **PAIR}


def health(process: str) -> HttpAnswer:
    loops = {"turns": LOOP} if process in WORKER_PROCESSES else {}
    return HttpAnswer(
        200,
        {
            "process": process,
            "checks": {"database": "ok"},
            "loops": loops,
            "legacy_token_present": False,
        },
    )


def beat(process: str, **changes: Any) -> Row:
    row = {"process": process, "copy": 1, "url": "http://127.0.0.1:1", "version": "v", "pid": 1}
    said = {"acknowledged_epoch": 4, "heartbeat_age_ms": 150, "ended": False}
    return {**row, **said, **changes}


def healthy(**changes: Any) -> MemoryRead:
    answers = {(process, 1, "/health"): health(process) for process in PROCESSES}
    answers[WALLET_SERVICE, 1, topology_endpoint.PATH] = HttpAnswer(200, PAIR)
    answers[WALLET_SERVICE, 1, policy_endpoint.PATH] = HttpAnswer(200, {"policies": [POLICY]})
    reported = [beat(process) for process in PROCESSES]
    facts = {
        "facts_service_copies": reported,
        "facts_freeze": [{"level": "ingress", "epoch": 4}],
        "facts_freeze_layers": [],
        "facts_lock_holders": [],
        "facts_prepared_holders": [],
        "facts_gate": [
            {
                **PAIR,
                "policy_key": "default",
                "policy_version": 1,
                "freeze_level": "ingress",
                "freeze_epoch": 4,
                "settled_epoch": 4,
            }
        ],
        "facts_topologies": [
            {"code": "RUBY_SPLIT_V1", "version": 1, "state": "ACTIVE"},
            {"code": "RUBY_SPLIT_V1", "version": 2, "state": "DRAFT"},
        ],
        "facts_active_policies": [POLICY],
        "facts_outbox": [DRAINED],
    }
    groups = [
        {
            "stream": f"{WALLET_STREAM_PREFIX}{number}",
            "group": ROLLING_GROUP,
            "lag": 0,
            "pending": 0,
            "length": 9,
        }
        for number in range(PARTITIONS)
    ]
    copies = [Copy(process, 1, "http://127.0.0.1:1", 1, "running") for process in PROCESSES]
    read = MemoryRead(facts=facts, kept=copies, answers=answers, stream_groups=groups)
    return dataclasses.replace(read, **changes)


def with_copy(process: str, state: str) -> list[Copy]:
    return [
        dataclasses.replace(copy, state=state) if copy.process == process else copy
        for copy in healthy().kept
    ]


def beats(process: str, **changes: Any) -> dict[str, Any]:
    """Let one process's heartbeat differ."""
    rows = [beat(name, **(changes if name == process else {})) for name in PROCESSES]
    return with_fact("facts_service_copies", *rows)


def with_answer(
    process: str, path: str, answer: HttpAnswer
) -> dict[tuple[str, int, str], HttpAnswer]:
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
    hung = healthy(
        answers=with_answer("rolling_worker", "/health", HttpAnswer(0, None, "timed out"))
    )
    assert service_health.run(hung).ok
    assert forward_progress.run(hung).status == "failed"


def test_health_is_red_for_a_missing_a_stopped_a_silent_and_a_failing_process() -> None:
    others = [copy for copy in healthy().kept if copy.process != "gateway"]
    missing = healthy(kept=others, facts=beats("gateway", heartbeat_age_ms=60_000))
    assert "gateway: no copy is kept" in service_health.run(missing).summary
    fatal = healthy(kept=with_copy("gateway", "fatal"), facts=beats("gateway", ended=True))
    assert "gateway copy 1: fatal, expected running" in service_health.run(fatal).summary
    silent = healthy(answers=with_answer("gateway", "/health", HttpAnswer(0, None, "timed out")))
    assert "gateway copy 1: no answer (timed out)" in service_health.run(silent).summary
    sick = HttpAnswer(
        503, {"checks": {"database": "connection refused"}, "loops": {"a": {"ok": False}}}
    )
    summary = service_health.run(healthy(answers=with_answer("gateway", "/health", sick))).summary
    assert (
        "gateway copy 1: health answers 503 (database: connection refused; loop a is stale or failing)"
        in summary
    )


def test_progress_is_red_for_a_worker_that_lives_but_stands_still() -> None:
    stale = healthy(facts=beats("rolling_worker", heartbeat_age_ms=3_001))
    told = str(forward_progress.run(stale).details["faults"])
    assert "rolling_worker copy 1: last heartbeat 3001 ms ago" in told
    stuck = HttpAnswer(503, {"loops": {"publish": {**LOOP, "age_seconds": 9, "ok": False}}})
    summary = forward_progress.run(
        healthy(answers=with_answer("wallet_worker", "/health", stuck))
    ).summary
    assert "wallet_worker copy 1: loop publish last useful turn 9 s ago, allowed 5 s" in summary
    silent = healthy(
        answers=with_answer("wallet_worker", "/health", HttpAnswer(0, None, "timed out"))
    )
    assert "wallet_worker copy 1: no answer (timed out)" in forward_progress.run(silent).summary


def test_progress_is_never_green_by_absence() -> None:
    kept = [copy for copy in healthy().kept if copy.process != "rolling_worker"]
    none = healthy(kept=kept, facts=beats("rolling_worker", heartbeat_age_ms=60_000))
    assert "rolling_worker: no copy is kept" in forward_progress.run(none).summary
    mute = healthy(answers=with_answer("wallet_worker", "/health", HttpAnswer(200, {"loops": {}})))
    assert "reports no loop at all" in forward_progress.run(mute).summary
    never = forward_progress.run(healthy(facts=with_fact("facts_service_copies")))
    assert "never reported a heartbeat" in str(never.details["faults"])


def two_copies(process: str, second: str | None) -> MemoryRead:
    """Two healthy copies of everything, but for the second copy of one process.

    `second` is its state at the driver, None where the driver does not keep it. A copy that does
    not run said goodbye, so that no heartbeat is in doubt.
    """
    one = healthy()
    copies = [dataclasses.replace(copy, number=number) for copy in one.kept for number in (1, 2)]
    kept = [copy for copy in copies if (copy.process, copy.number) != (process, 2)]
    if second is not None:
        kept.append(Copy(process, 2, "http://127.0.0.1:1", 1, second))
    rows = [beat(name, copy=number) for name in PROCESSES for number in (1, 2)]
    down = second != "running"
    told = [
        {**row, "ended": down and (row["process"], row["copy"]) == (process, 2)} for row in rows
    ]
    answers = dict(one.answers)
    answers |= {(name, 2, path): answer for (name, _, path), answer in one.answers.items()}
    return healthy(
        kept=kept,
        facts=with_fact("facts_service_copies", *told),
        answers=answers,
        environment=dataclasses.replace(ENVIRONMENT, copies=2),
    )


EACH_COPY = [(forward_progress.run, process) for process in WORKER_PROCESSES]
EACH_COPY += [(service_health.run, process) for process in ("gateway", WALLET_SERVICE)]


@pytest.mark.parametrize(("look", "process"), EACH_COPY)
def test_one_running_copy_says_nothing_of_the_other(look: Any, process: str) -> None:
    assert look(two_copies(process, "running")).ok
    for state in ("starting", "backoff", "stopped", "exited", "fatal"):
        finding = look(two_copies(process, state))
        assert finding.status == "failed"
        assert f"{process} copy 2: {state}, expected running" in finding.summary
    finding = look(two_copies(process, None))
    assert finding.status == "failed"
    assert (
        f"{process} copy 2: not kept, and the environment has 2 copies of each" in finding.summary
    )


LIVING = [
    service_health.run,
    forward_progress.run,
    topology_endpoint.run,
    policy_endpoint.run,
    gate_10.run,
]


@pytest.mark.parametrize("look", LIVING)
def test_a_driver_that_does_not_answer_is_no_platform_that_is_well(look: Any) -> None:
    finding = look(healthy(mute="its socket is gone"))
    assert finding.status == "inconclusive"
    assert "the driver does not answer: its socket is gone" in finding.summary


@pytest.mark.parametrize(
    ("look", "process"),
    [
        (service_health.run, "gateway"),
        (forward_progress.run, "rolling_worker"),
        (topology_endpoint.run, WALLET_SERVICE),
        (policy_endpoint.run, WALLET_SERVICE),
        (gate_10.run, "gateway"),
    ],
)
def test_a_copy_that_somebody_runs_by_hand_is_a_fault(look: Any, process: str) -> None:
    elsewhere = beats(process, url="http://127.0.0.1:2")
    finding = look(healthy(kept=with_copy(process, "stopped"), facts=elsewhere))
    assert finding.status == "failed"
    told = finding.summary + str(finding.details)
    assert f"{process} copy 1: pid 1 reports, and the driver says stopped" in told


def test_a_copy_run_by_hand_at_its_own_address_is_asked() -> None:
    by_hand = healthy(kept=with_copy(WALLET_SERVICE, "stopped"))
    assert topology_endpoint.run(by_hand).ok
    assert policy_endpoint.run(by_hand).ok
    assert gate_10.audit(by_hand).ok
    assert service_health.run(by_hand).status == "failed"


@pytest.mark.parametrize(
    ("process", "look"), [(GATEWAY, service_health.run), (WALLET_WORKER, forward_progress.run)]
)
def test_another_program_at_the_address_of_a_copy_is_no_health_of_the_copy(
    process: str, look: Any
) -> None:
    def answered(status: int, pid: int) -> Any:
        answer = HttpAnswer(status, {**health(process).body, "pid": pid})
        return look(healthy(answers=with_answer(process, "/health", answer)))

    assert answered(200, 1).ok
    for found in (answered(200, 77), answered(503, 77)):
        assert found.status == "failed"
        stranger = f"{process} copy 1: pid 77 answers at http://127.0.0.1:1"
        assert f"{stranger}, and the copy is pid 1" in found.summary


def test_without_a_copy_of_wallet_service_nobody_confirms_the_topology() -> None:
    kept = [copy for copy in healthy().kept if copy.process != WALLET_SERVICE]
    gone = beats(WALLET_SERVICE, heartbeat_age_ms=60_000)
    finding = topology_endpoint.run(healthy(kept=kept, facts=gone))
    assert finding.status == "inconclusive"
    assert "no copy of wallet_service is kept" in finding.summary


def fence(level: str, epoch: int, settled: int) -> dict[str, Any]:
    row = {"freeze_level": level, "freeze_epoch": epoch, "settled_epoch": settled}
    return with_fact("facts_gate", row)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"facts": beats("gateway", acknowledged_epoch=3)}, "gateway copy 1 acknowledged epoch 3"),
        (
            {"facts": beats("gateway", acknowledged_epoch=3, heartbeat_age_ms=7_000)},
            "has not answered for 7 s",
        ),
        ({"facts": fence("open", 3, 3)}, "the fence row says open at epoch 3"),
        ({"facts": fence("ingress", 4, 3)}, "of before the freeze may still be under way"),
    ],
)
def test_a_freeze_that_is_not_confirmed_by_all_is_not_in_force(
    changes: dict[str, Any], words: str
) -> None:
    finding = freeze_acknowledged.run(healthy(**changes))
    assert finding.status == "failed"
    assert finding.summary.startswith("FREEZING (ingress) at epoch 4: ")
    assert words in finding.summary


def test_a_ninth_copy_that_no_driver_knows_counts_while_it_reports() -> None:
    rows = healthy().facts["facts_service_copies"]
    ninth = {**rows[0], "copy": 2, "acknowledged_epoch": 3}
    finding = freeze_acknowledged.run(
        healthy(facts=with_fact("facts_service_copies", *rows, ninth))
    )
    assert "copy 2 acknowledged epoch 3" in finding.summary
    gone = {**ninth, "ended": True}
    assert freeze_acknowledged.run(healthy(facts=with_fact("facts_service_copies", *rows, gone))).ok


def test_a_copy_that_the_driver_stopped_is_not_waited_for() -> None:
    late = beats("gateway", acknowledged_epoch=3, heartbeat_age_ms=7_000)
    assert freeze_acknowledged.run(healthy(kept=with_copy("gateway", "stopped"), facts=late)).ok


def test_nobody_to_ask_is_never_a_freeze() -> None:
    nobody = healthy(kept=[], facts=with_fact("facts_service_copies"))
    assert "no copy of any process has reported" in freeze_acknowledged.run(nobody).summary


def test_whoever_holds_the_fence_row_is_named_with_the_line_that_ends_it() -> None:
    holder = {
        "pid": 77,
        "application": "psql",
        "role": "ann",
        "state": "idle in transaction",
        "query": "SELECT 1",
        "age_seconds": 9.0,
    }
    facts = {**fence("open", 3, 3), "facts_lock_holders": [holder]}
    summary = freeze_acknowledged.run(healthy(facts=facts)).summary
    assert (
        "session 77 of psql (ann), in a transaction for 9.0 s, idle in transaction: SELECT 1"
        in summary
    )
    assert "rubyops sessions end 77" in summary


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
    """tests/rubyops/engine/test_evidence.py tries the conditions under which a result is believed."""
    good, bad = {"passed": True}, {"passed": False}
    assert gate_01.run(healthy()).status == "inconclusive"
    assert gate_01.run(healthy(recorded={"tests": good})).ok
    assert gate_01.run(healthy(recorded={"tests": bad})).status == "failed"
    assert gate_02.run(healthy(recorded={"flows:RUBY_UNIFIED_V1": good})).status == "inconclusive"
    assert gate_02.run(healthy(recorded={f"flows:{ENVIRONMENT.topology}": bad})).status == "failed"


def test_gate_2_asks_which_code_runs_now() -> None:
    recorded = {
        f"flows:{ENVIRONMENT.topology}": {
            "passed": True,
            "flows": {"FLOW-1": "ok", "FLOW-11": "noop"},
        }
    }
    environment = dataclasses.replace(ENVIRONMENT, code="c0de")
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
    other = dataclasses.replace(read, environment=ENVIRONMENT)
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
