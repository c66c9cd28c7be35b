"""Workers do useful turns and every running copy's heartbeat is fresh: progress, not mere life.

When it fails, a process stands still although it exists (stopped, hung, cut off): events wait while everything looks up.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from checks._answer import all_true
from rubyops.model.finding import Finding
from rubyops.model.step import Check
from rubyops.ports import Copy, Read, Row
from wallet_runtime.contract import WORKER_PROCESSES

HEARTBEAT_LIMIT_MS = 3_000  # written every 200 ms; the rest is room for a busy machine
RUNNING = "running"
HEALTHY = 200


def run(read: Read) -> Finding:
    """Look at each worker's loops and at each running copy's heartbeat in `control`."""
    copies = read.copies()
    beats = {(row["process"], row["copy"]): row for row in read.rows("facts_service_copies", database="control")}
    faults = [f"{process}: no copy runs" for process in WORKER_PROCESSES if not _runs(copies, process)]
    for copy in copies:
        if copy.state == RUNNING:
            stale = _heartbeat_faults(copy, beats.get((copy.process, copy.number)))
            # A copy that stands still would only keep the question waiting.
            faults += stale or (_loop_faults(read, copy) if copy.process in WORKER_PROCESSES else [])
    return all_true(faults, holds=f"every worker makes progress, {len(copies)} heartbeats are fresh", broken="no forward progress")


def _runs(copies: Sequence[Copy], process: str) -> bool:
    return any(copy.process == process and copy.state == RUNNING for copy in copies)


def _heartbeat_faults(copy: Copy, beat: Row | None) -> list[str]:
    label = f"{copy.process} copy {copy.number}"
    if beat is None:
        return [f"{label}: never reported a heartbeat"]
    age_ms = int(beat["heartbeat_age_ms"])
    return [] if age_ms <= HEARTBEAT_LIMIT_MS else [f"{label}: last heartbeat {age_ms} ms ago, allowed {HEARTBEAT_LIMIT_MS} ms"]


def _loop_faults(read: Read, copy: Copy) -> list[str]:
    label = f"{copy.process} copy {copy.number}"
    answer = read.get(copy.process, "/health", copy=copy.number)
    if answer.status == 0:
        return [f"{label}: no answer ({answer.error or 'no reason given'})"]
    loops: Mapping[str, Any] = answer.body.get("loops") or {} if isinstance(answer.body, Mapping) else {}
    if not loops:
        return [f"{label}: reports no loop at all"]
    red = [
        f"{label}: loop {name} last useful turn {loop['age_seconds']} s ago, allowed {loop['limit_seconds']} s, failures {loop['failures']}"
        for name, loop in loops.items()
        if not loop["ok"]
    ]
    return red or ([] if answer.status == HEALTHY else [f"{label}: health answers {answer.status}, expected {HEALTHY}"])


CHECK = Check("forward-progress", "Workers make progress", ("LOC-5", "PRE-8", "PRD-4a"), run)
