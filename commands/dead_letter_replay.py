"""Have an event that was set aside tried again, and then those that wait behind it.

When: `rubyops events dead-letter list` shows one, and what made it fail is mended.
Blast radius: that event's player. Undo: none; an event is applied once however often it is asked for.
"""

from dataclasses import dataclass

from commands._dead_letters import LIST, find, resolution, shown, waits
from rubyops.effects.service_call import CallService
from rubyops.errors import Refused
from rubyops.model.step import Command, NoOp, Planned, option
from rubyops.ports import Read
from wallet_runtime.contract.processes import ROLLING_SERVICE


@dataclass(frozen=True)
class Params:
    """The number of the event that was set aside."""

    number: int = option("the number that `rubyops events dead-letter list` shows")


def plan(params: Params, read: Read) -> Planned | NoOp:
    """Want the event tried again unless it got through; refuse one that only waits behind another."""
    letter = find(read, params.number)
    if letter["resolved_at"] is not None:
        return NoOp(resolution(letter))
    if letter["reason"] == "HELD_UP":
        raise Refused(waits(letter), next_command=LIST)
    effect = CallService(
        ROLLING_SERVICE, "POST", f"/internal/rolling/dead-letters/{params.number}/replay"
    )
    return Planned((effect,), shown(letter))


COMMAND = Command(
    "dead-letter-replay",
    "Have an event that was set aside tried again",
    Params,
    plan,
    undo="none: an event is applied once",
)
