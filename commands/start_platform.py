"""Start the platform: servers, newest schema, every process that does not run.

When: at the beginning of a rollout, after a machine restart, before a demonstration, after an edit
or a commit. Blast radius: the named environment alone. A process that runs this checkout's code
keeps running; a process with other code is restarted. A change of the settings or the version
restarts every process. Undo: `rubyops down`.
"""

from collections import Counter
from dataclasses import dataclass

from checks._code import CopyCode, codes_told
from checks.platform import forward_progress, service_health
from rubyops.effects.platform import StartPlatform
from rubyops.effects.wait import WaitFor
from rubyops.errors import Unreachable
from rubyops.model.step import Command, NoOp, Planned
from rubyops.ports import Read
from rubyops.readings.liveness import Liveness, liveness
from wallet_runtime.contract.processes import PROCESSES

HEALTH_SECONDS = 60.0
WAKE_SECONDS = 10.0  # a copy without a report for longer than this counts as hung
READY = ("service-health", "forward-progress", "code-current")


@dataclass(frozen=True)
class Params:
    """No parameters: the environment's settings name its processes and servers."""


def plan(params: Params, read: Read) -> Planned | NoOp:
    """Plan to start the platform, or do nothing when it is up.

    The platform is up when every copy runs, is healthy and reports this checkout's code.
    """
    del params
    life, troubles = _look(read)
    count = _running(life)
    missing = [process for process in PROCESSES if count[process] < read.environment.copies]
    others, unknown = _codes(read, life)
    needs_start = bool(missing or others or life is None)
    doubts = [*troubles, *unknown]
    if not needs_start and not doubts:
        doubts = _faults(read)
        if not doubts:
            return NoOp(f"all {len(PROCESSES)} processes run, {count.total()} copies")
    facts: dict[str, object] = {"not running": missing, "copies of each": read.environment.copies}
    facts |= _reasons(others, doubts)
    if needs_start:
        return Planned((StartPlatform(_kept(others)), *_waits(HEALTH_SECONDS)), facts)
    # All copies were started, so another start changes nothing: it neither wakes a hung copy nor
    # ends a copy that a person runs by hand. The waits fail and name such a copy. The platform does
    # not kill it, because the copy may be in the middle of a money transaction.
    return Planned(_waits(WAKE_SECONDS), facts)


def _codes(read: Read, life: Liveness | None) -> tuple[list[CopyCode], list[str]]:
    """Return the copies that run other code, and a doubt for each copy whose code is unknown."""
    codes = codes_told(read, life) if life else []
    others = [code for code in codes if code.other]
    return others, [code.unknown for code in codes if code.unknown and not code.other]


def _running(life: Liveness | None) -> Counter[str]:
    """Count the copies of each process that the driver runs."""
    copies = life.in_state("running", "silent") if life else ()
    return Counter(copy.process for copy in copies)


def _reasons(others: list[CopyCode], doubts: list[str]) -> dict[str, object]:
    told: dict[str, object] = {
        "restarted, because of other code": [code.other for code in others],
        "in doubt": doubts,
    }
    return {name: reasons for name, reasons in told.items() if reasons}


def _kept(codes: list[CopyCode]) -> tuple[tuple[str, int], ...]:
    """Return the copies that the driver runs. The driver cannot end a copy that a person runs."""
    copies = [code.copy for code in codes]
    return tuple((copy.process, copy.number) for copy in copies if copy.driver_state == "running")


def _faults(read: Read) -> list[str]:
    """Return the failures of the health and progress checks, for copies that all run."""
    findings = [check.run(read) for check in (service_health, forward_progress)]
    return [finding.summary for finding in findings if not finding.ok]


def _waits(seconds: float) -> tuple[WaitFor, ...]:
    return tuple(WaitFor(check, timeout_seconds=seconds) for check in READY)


def _look(read: Read) -> tuple[Liveness | None, list[str]]:
    """Return the liveness of the copies, and the doubts about it.

    The liveness is None when the driver, PostgreSQL or Redis does not answer. A start helps then.
    """
    try:
        life = liveness(read)
        if not life.driver_answers:
            return None, [*life.troubles, "whatever runs is ended and started anew"]
        read.one("facts_has_revision_table")
        read.groups()
    except Unreachable as fault:
        return None, [fault.message]
    return life, life.troubles


COMMAND = Command("up", Params, plan, undo="rubyops down", guard_money=False)
