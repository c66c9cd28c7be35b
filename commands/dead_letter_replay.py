"""Try a dead letter again, and then the events that wait behind it.

When: `rubyops events dead-letter list` shows one, and the cause of its failure is mended.
Blast radius: that event's player. Undo: none; an event is applied once, however often it is tried.
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
from rubyops.errors import Refused
from rubyops.model.step import Command, NoOp, Planned, option
from rubyops.ports import Read
from wallet_runtime.contract.routes import dead_letter_path


@dataclass(frozen=True)
class Params:
    """The number of the dead letter, and the consumer."""

    number: int = option("the number that `rubyops events dead-letter list` shows")
    consumer: str = option(WHOSE, "")


def plan(params: Params, read: Read) -> Planned | NoOp:
    """Want the event tried again unless it was applied; refuse one that waits behind another."""
    consumer = consumer_named(params.consumer)
    letter = find(read, consumer, params.number)
    if letter["resolved_at"] is not None:
        return NoOp(resolution(letter))
    if letter["reason"] == BLOCKED:
        raise Refused(waits(letter), next_command=LIST)
    path = f"{dead_letter_path(consumer.schema, params.number)}/replay"
    effect = CallService(consumer.service, "POST", path)
    return Planned((effect,), shown(letter))


COMMAND = Command(
    "dead-letter-replay",
    Params,
    plan,
    undo="none: an event is applied once",
)
