"""Every copy of each worker runs and does useful turns; heartbeats of running copies are fresh.

When it fails, a worker's copy is down, or a process is hung or cut off from its servers. Events
then wait, although every process seems to run.
"""

from collections.abc import Mapping
from typing import Any

from checks._answer import all_true
from rubyops.model.finding import Finding, inconclusive
from rubyops.model.step import Check
from rubyops.ports import HttpAnswer, Read
from rubyops.readings.liveness import CopyLife, answered_by_another, liveness, not_running
from wallet_runtime.contract.processes import WORKER_PROCESSES

HEALTHY = 200


def run(read: Read) -> Finding:
    """Check the loops of each worker, and the driver state and heartbeat of every copy."""
    life = liveness(read)
    if not life.driver_answers:
        return inconclusive(f"which copies make progress cannot be told: {life.troubles[0]}")
    running = life.in_state("running")
    absent = not_running(life, WORKER_PROCESSES, read.environment.copies)
    # Only running workers are asked for their loops, because a hung copy would not answer in time.
    faults = list(dict.fromkeys([*absent, *life.troubles]))
    workers = [copy for copy in running if copy.process in WORKER_PROCESSES]
    faults += [fault for copy in workers for fault in _loop_faults(read, copy)]
    return all_true(
        faults,
        holds=f"every worker makes progress, {len(running)} heartbeats are fresh",
        broken="no forward progress",
    )


def _loop_faults(read: Read, copy: CopyLife) -> list[str]:
    answer = read.get(copy.process, "/health", copy=copy.number)
    if answer.status == 0:
        return [f"{copy.label}: no answer ({answer.error or 'no reason given'})"]
    if another := answered_by_another(copy, answer):
        return [another]
    return [f"{copy.label}: {fault}" for fault in _faults(answer)]


def _faults(answer: HttpAnswer) -> list[str]:
    loops = _loops(answer)
    if not loops:
        return ["reports no loop at all"]
    red = [_stale(name, loop) for name, loop in loops.items() if not loop["ok"]]
    if not red and answer.status != HEALTHY:
        return [f"health answers {answer.status}, expected {HEALTHY}"]
    return red


def _loops(answer: HttpAnswer) -> Mapping[str, Any]:
    return answer.body.get("loops") or {} if isinstance(answer.body, Mapping) else {}


def _stale(name: str, loop: Mapping[str, Any]) -> str:
    turn = f"last useful turn {loop['age_seconds']} s ago, allowed {loop['limit_seconds']} s"
    return f"loop {name} {turn}, failures {loop['failures']}"


CHECK = Check("forward-progress", "Workers make progress", ("LOC-5", "PRE-8", "PRD-4a"), run)
