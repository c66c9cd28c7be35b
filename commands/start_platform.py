"""Start the platform: servers, newest schema, every process that does not run.

When: at the beginning of a rollout, after a machine restart, before a demonstration.
Blast radius: the named environment alone; processes that run are left alone. Undo: `rubyops down`.
"""

from collections import Counter
from dataclasses import dataclass

from commands._facts import RUNNING
from rubyops.model.effect import StartPlatform, WaitFor
from rubyops.model.step import Command, NoOp, Wanted
from rubyops.ports import Read
from wallet_runtime.contract import PROCESSES

HEALTH_SECONDS = 60.0


@dataclass(frozen=True)
class Params:
    """No parameters: the environment's file says what belongs to it."""


def plan(params: Params, read: Read) -> Wanted | NoOp:
    """Want everything started unless every copy of every process runs."""
    del params
    running = Counter(copy.process for copy in read.copies() if copy.state == RUNNING)
    missing = [process for process in PROCESSES if running[process] < read.environment.copies]
    if not missing:
        return NoOp(f"all {len(PROCESSES)} processes run, {running.total()} copies")
    facts: dict[str, object] = {"not running": missing, "copies of each": read.environment.copies}
    waits = (WaitFor("service-health", timeout_seconds=HEALTH_SECONDS), WaitFor("forward-progress", timeout_seconds=HEALTH_SECONDS))
    return Wanted((StartPlatform(), *waits), facts)


COMMAND = Command("up", "Start servers and every process", Params, plan, undo="rubyops down", guard_money=False)
