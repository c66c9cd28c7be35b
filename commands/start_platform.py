"""Start the platform: servers, newest schema, every process that does not run.

When: at the beginning of a rollout, after a machine restart, before a demonstration, after an edit
or a commit. Blast radius: the named environment alone; processes that run this checkout's code are
left alone, and while one runs other code everything is restarted. Undo: `rubyops down`.
"""

from collections import Counter
from dataclasses import dataclass

from commands._facts import RUNNING
from rubyops.model.effect import StartPlatform, WaitFor
from rubyops.model.step import Command, NoOp, Wanted
from rubyops.ports import Read
from rubyops.running_code import other_code
from wallet_runtime.contract import PROCESSES

HEALTH_SECONDS = 60.0


@dataclass(frozen=True)
class Params:
    """No parameters: the environment's file says what belongs to it."""


def plan(params: Params, read: Read) -> Wanted | NoOp:
    """Want everything started unless every copy runs and none tells other code than ours."""
    del params
    running = Counter(copy.process for copy in read.copies() if copy.state == RUNNING)
    missing = [process for process in PROCESSES if running[process] < read.environment.copies]
    others = other_code(read)
    if not missing and not others:
        return NoOp(f"all {len(PROCESSES)} processes run, {running.total()} copies")
    facts: dict[str, object] = {"not running": missing, "copies of each": read.environment.copies}
    if others:
        facts["restarted, because of other code"] = others
    waits = (WaitFor("service-health", timeout_seconds=HEALTH_SECONDS), WaitFor("forward-progress", timeout_seconds=HEALTH_SECONDS))
    return Wanted((StartPlatform(), *waits), facts)


COMMAND = Command("up", "Start servers and every process", Params, plan, undo="rubyops down", guard_money=False)
