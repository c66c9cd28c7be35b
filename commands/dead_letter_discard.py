"""Ask for a dead letter never to be applied, so that the events behind it go on.

When: `rubyops events dead-letter list` shows an event that no replay can bring through.
Blast radius: none until a person of the back office confirms it. Then the turnover of that event is
lost for good.
Undo: none. Until it is confirmed, `rubyops events dead-letter replay` still applies the event.
"""

from dataclasses import dataclass

from commands._dead_letters import (
    BLOCKED,
    LIST,
    WHOSE,
    consumer_named,
    find,
    resolution,
    shown,
    waits,
)
from rubyops.effects.service_call import CallService
from rubyops.errors import Refused, UsageError
from rubyops.model.step import Command, NoOp, Planned, option
from rubyops.ports import Read
from wallet_runtime.contract.routes import dead_letter_path


@dataclass(frozen=True)
class Params:
    """The number of the dead letter, the reason for its discard, and the consumer."""

    number: int = option("the number that `rubyops events dead-letter list` shows")
    reason: str = option("the reason for the discard; the person who confirms it reads it")
    consumer: str = option(WHOSE, "")


def plan(params: Params, read: Read) -> Planned | NoOp:
    """Want the discard asked for once; refuse it for an event that waits behind another."""
    reason = params.reason.strip()
    if not reason:
        raise UsageError("a discard needs a reason: the person who confirms it reads it")
    consumer = consumer_named(params.consumer)
    letter = find(read, consumer, params.number)
    if letter["resolved_at"] is not None:
        return NoOp(resolution(letter))
    if letter["reason"] == BLOCKED:
        raise Refused(f"{waits(letter)} Nothing was changed.", next_command=LIST)
    if letter["discard_requested_by"] is not None:
        who, why = letter["discard_requested_by"], letter["discard_reason"]
        asked = f"{who} has asked for it, because {why!r}"
        return NoOp(f"{asked}; another person confirms it in the back office")
    path = f"{dead_letter_path(consumer.schema, params.number)}/discard"
    effect = CallService(consumer.service, "POST", path, {"reason": reason})
    return Planned((effect,), {**shown(letter), "then": "a person of the back office confirms it"})


COMMAND = Command(
    "dead-letter-discard",
    Params,
    plan,
    undo="none: once it is confirmed, the event is never applied",
)
