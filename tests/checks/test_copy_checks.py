"""The checks of copies fail for a missing, stopped, silent, failing or foreign copy."""

import dataclasses
from typing import Any

import pytest

from checks.platform import (
    forward_progress,
    policy_endpoint,
    service_health,
    topology_endpoint,
)
from checks.release import gate_10
from rubyops.ports import Copy, HttpAnswer
from rubyops.testing.reading import FACTS, MemoryRead
from tests.checks.healthy import (
    LOOP,
    beat,
    beats,
    health,
    healthy,
    with_answer,
    with_copy,
    with_fact,
)
from wallet_runtime.contract.processes import (
    GATEWAY,
    PROCESSES,
    WALLET_SERVICE,
    WALLET_WORKER,
    WORKER_PROCESSES,
)


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
        "gateway copy 1: health answers 503 (database: connection refused; loop a is stale or "
        "failing)" in summary
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
    """Two healthy copies of every process, except for the second copy of `process`.

    `second` is the state of that copy at the driver, or None if the driver does not know it. A copy
    that does not run has reported its end, so its last heartbeat is not in doubt.
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
        environment=dataclasses.replace(FACTS, copies=2),
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
