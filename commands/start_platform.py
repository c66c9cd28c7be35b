"""Start the platform: servers, newest schema, every process that does not run.

When: at the beginning of a rollout, after a machine restart, before a demonstration, after an edit
or a commit. Blast radius: the named environment alone; processes that run this checkout's code are
left alone, and while one runs other code everything is restarted. Undo: `rubyops down`.
"""

from collections import Counter
from dataclasses import dataclass

from checks._liveness import Liveness, liveness
from rubyops.errors import Unreachable
from rubyops.model.effect import StartPlatform, WaitFor
from rubyops.model.step import Command, NoOp, Wanted
from rubyops.ports import Read
from rubyops.running_code import other_code
from wallet_runtime.contract import PROCESSES

HEALTH_SECONDS = 60.0
WAKE_SECONDS = 10.0  # a copy that reports nothing for longer hangs


@dataclass(frozen=True)
class Params:
    """No parameters: the environment's file says what belongs to it."""


def plan(params: Params, read: Read) -> Wanted | NoOp:
    """Want everything started unless driver and heartbeats agree that every copy runs our code."""
    del params
    life, troubles = _look(read)
    kept = life.in_state("running", "silent") if life else ()
    count = Counter(copy.process for copy in kept)
    missing = [process for process in PROCESSES if count[process] < read.environment.copies]
    others = other_code(read) if life else []
    if not missing and not troubles and not others:
        return NoOp(f"all {len(PROCESSES)} processes run, {count.total()} copies")
    facts: dict[str, object] = {"not running": missing, "copies of each": read.environment.copies}
    if others:
        facts["restarted, because of other code"] = others
    if troubles:
        facts["in doubt"] = troubles
    if missing or others or life is None:
        return Wanted((StartPlatform(), *_waits(HEALTH_SECONDS)), facts)
    # Every copy is started: starting wakes none that hangs, and ends none that is run by hand.
    return Wanted(_waits(WAKE_SECONDS), facts)


def _waits(seconds: float) -> tuple[WaitFor, ...]:
    checks = ("service-health", "forward-progress")
    return tuple(WaitFor(check, timeout_seconds=seconds) for check in checks)


def _look(read: Read) -> tuple[Liveness | None, list[str]]:
    """Ask who lives, and the servers; None where one of them does not answer: starting helps."""
    try:
        life = liveness(read)
        if not life.driver_answers:
            return None, [*life.troubles, "whatever runs is ended and started anew"]
        read.one("facts_has_revision_table")
        read.groups()
    except Unreachable as fault:
        return None, [fault.message]
    return life, life.troubles


COMMAND = Command("up", "Start servers and every process", Params, plan, undo="rubyops down", guard_money=False)
