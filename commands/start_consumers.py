"""Start the processes that consume wallet events, and wait until they make progress.

When: after the state change for which they were stopped (NPR-6, PRD-4a).
Blast radius: waiting events are consumed. Each was claimed at most once before, so none counts
twice. Undo: `rubyops stop-consumers`.
"""

from dataclasses import dataclass

from checks.platform import forward_progress
from commands._facts import consumers_alive
from rubyops.effects.platform import StartProcesses
from rubyops.effects.wait import WaitFor
from rubyops.model.step import Command, NoOp, Planned
from rubyops.ports import Read
from wallet_runtime.contract.consumers import CONSUMER_WORKERS

PROGRESS_SECONDS = 30.0


@dataclass(frozen=True)
class Params:
    """No parameters: every consumer of wallet events starts."""


def plan(params: Params, read: Read) -> Planned | NoOp:
    """Plan to start the stopped consumers, and to wait until all consumers make progress."""
    del params
    copies = consumers_alive(read, CONSUMER_WORKERS)
    wait = WaitFor("forward-progress", timeout_seconds=PROGRESS_SECONDS)
    down = [f"{copy.label} ({copy.state})" for copy in copies if copy.state != "running"]
    if down:
        return Planned((StartProcesses(CONSUMER_WORKERS), wait), {"not running": down})
    progress = forward_progress.run(read)
    if not progress.ok:
        return Planned((wait,), {"no progress": progress.summary})
    return NoOp(f"every consumer of wallet events runs: {progress.summary}")


COMMAND = Command(
    "start-consumers",
    Params,
    plan,
    undo="rubyops stop-consumers",
    unplannable="which consumers are stopped is known when this step is reached",
)
