"""Stop the processes that consume wallet events; the publisher stays up.

When: the outbox is drained and a state change follows (PRD-1b, NPR-2).
Blast radius: rollings neither progress nor complete; events wait in their streams. Undo: `rubyops start-consumers`.
"""

from dataclasses import dataclass

from commands._facts import running_copies
from rubyops.model.effect import StopProcesses
from rubyops.model.step import Command, NoOp, Wanted
from rubyops.ports import Read
from wallet_runtime.contract import ROLLING_WORKER

CONSUMERS = (ROLLING_WORKER,)


@dataclass(frozen=True)
class Params:
    """No parameters: every consumer of wallet events stops."""


def plan(params: Params, read: Read) -> Wanted | NoOp:
    """Want every running consumer stopped."""
    del params
    running = running_copies(read, CONSUMERS)
    if not running:
        return NoOp("no consumer of wallet events runs")
    return Wanted((StopProcesses(CONSUMERS),), {"running": running})


COMMAND = Command("stop-consumers", "Stop the consumers of wallet events", Params, plan, undo="rubyops start-consumers")
