"""Start the processes that consume wallet events, and wait until they make progress.

When: after the state change that they were stopped for (NPR-6, PRD-4a).
Blast radius: waiting events are consumed; each was claimed at most once before, so none counts twice. Undo: `rubyops stop-consumers`.
"""

from dataclasses import dataclass

from commands._facts import consumers_alive
from commands.stop_consumers import CONSUMERS
from rubyops.model.effect import StartProcesses, WaitFor
from rubyops.model.step import Command, NoOp, Wanted
from rubyops.ports import Read

PROGRESS_SECONDS = 30.0


@dataclass(frozen=True)
class Params:
    """No parameters: every consumer of wallet events starts."""


def plan(params: Params, read: Read) -> Wanted | NoOp:
    """Want every consumer that does not run, by the driver and by its heartbeat."""
    del params
    copies = consumers_alive(read, CONSUMERS)
    down = [f"{copy.label} ({copy.state})" for copy in copies if copy.state != "running"]
    if not down:
        return NoOp(f"every consumer of wallet events runs and reports: {len(copies)}")
    wait = WaitFor("forward-progress", timeout_seconds=PROGRESS_SECONDS)
    return Wanted((StartProcesses(CONSUMERS), wait), {"not running": down})


COMMAND = Command(
    "start-consumers",
    "Start the consumers of wallet events",
    Params,
    plan,
    undo="rubyops stop-consumers",
    unplannable="which consumers are stopped is known when this step is reached",
)
