"""Every copy of every service runs and answers its health green.

When it fails, a service is down, or cannot reach its database or Redis and refuses requests.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from checks._answer import all_true
from rubyops.model.finding import Finding, inconclusive
from rubyops.model.step import Check
from rubyops.ports import HttpAnswer, Read
from rubyops.readings.liveness import CopyLife, answered_by_another, liveness, not_running
from wallet_runtime.contract.processes import API_PROCESSES

HEALTHY = 200


def run(read: Read) -> Finding:
    """Call /health of each running copy, and look for copies that do not run."""
    life = liveness(read)
    if not life.driver_answers:
        return inconclusive(f"which services run cannot be told: {life.troubles[0]}")
    copies = life.of(*API_PROCESSES)
    faults = not_running(life, API_PROCESSES, read.environment.copies)
    running = [copy for copy in copies if copy.state == "running"]
    faults += [fault for copy in running if (fault := _fault(read, copy))]
    return all_true(
        faults,
        holds=f"{len(copies)} copies of {len(API_PROCESSES)} services are healthy",
        broken="not every service is healthy",
        copies=len(copies),
    )


def _fault(read: Read, copy: CopyLife) -> str | None:
    answer = read.get(copy.process, "/health", copy=copy.number)
    if another := answered_by_another(copy, answer):
        return another
    return None if answer.status == HEALTHY else f"{copy.label}: {_why(answer)}"


def _why(answer: HttpAnswer) -> str:
    if answer.status == 0:
        return f"no answer ({answer.error or 'no reason given'})"
    red = list(_red(answer.body if isinstance(answer.body, Mapping) else {}))
    return f"health answers {answer.status}" + (f" ({'; '.join(red)})" if red else "")


def _red(body: Mapping[str, Any]) -> Iterator[str]:
    for name, reason in dict(body.get("checks") or {}).items():
        if reason != "ok":
            yield f"{name}: {reason}"
    for name, loop in dict(body.get("loops") or {}).items():
        if not loop.get("ok"):
            yield f"loop {name} is stale or failing"


CHECK = Check("service-health", "Every service is healthy", ("LOC-4", "SMK-1", "PRD-4a"), run)
