"""Stop the processes that consume wallet events; the publisher stays up.

When: the outbox is drained and a state change follows (PRD-1b, NPR-2).
Blast radius: rollings neither progress nor complete; events wait in their streams.
Undo: `rubyops start-consumers`.
"""

from dataclasses import dataclass

from commands._facts import consumers_alive
from rubyops.effects.platform import StopProcesses
from rubyops.errors import Refused
from rubyops.model.step import Command, NoOp, Planned
from rubyops.ports import Read
from wallet_runtime.contract.consumers import CONSUMER_WORKERS


@dataclass(frozen=True)
class Params:
    """No parameters: every consumer of wallet events stops."""


def plan(params: Params, read: Read) -> Planned | NoOp:
    """Plan to stop every running consumer; refuse if the driver cannot stop one of them."""
    del params
    copies = consumers_alive(read, CONSUMER_WORKERS)
    beyond_reach = [copy for copy in copies if copy.state == "unknown to the driver"]
    if beyond_reach:
        raise Refused(
            f"Stopping refused: {beyond_reach[0].trouble}, and it consumes events. "
            f"End that process (kill {beyond_reach[0].heartbeat_pid}), then stop the others.",
            next_command="rubyops status",
            details={"pids": [copy.heartbeat_pid for copy in beyond_reach]},
        )
    alive = [copy.label for copy in copies if copy.state != "stopped"]
    if not alive:
        stopped = ", ".join(copy.label for copy in copies)
        return NoOp(f"every consumer of wallet events is stopped, and none reports: {stopped}")
    return Planned((StopProcesses(CONSUMER_WORKERS),), {"running": alive})


COMMAND = Command(
    "stop-consumers",
    Params,
    plan,
    undo="rubyops start-consumers",
)
