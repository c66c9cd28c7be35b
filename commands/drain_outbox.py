"""Drain: prove that every money event is published and applied.

No event may wait in the outbox, in a stream or at a consumer.

When: after a freeze, and before consumers stop, a pair is re-activated or a snapshot is restored
(PRD-1a). Blast radius: one canary event; the publisher and the consumers do their usual work.
Undo: not needed.
"""

from dataclasses import dataclass

from rubyops.effects.drain import ConfirmDrained
from rubyops.errors import Refused
from rubyops.model.step import Command, Planned, option
from rubyops.ports import Read
from wallet_runtime.contract.freeze import OPEN


@dataclass(frozen=True)
class Params:
    """The longest wait for the backlog, in seconds."""

    timeout_seconds: int = option("longest wait, in seconds", 60)


def plan(params: Params, read: Read) -> Planned:
    """Plan to prove the drain. Refuses while money is open, because new events would still come."""
    level = read.one("facts_freeze", database="control")["level"]
    if level == OPEN:
        raise Refused(
            "Drain refused: money is not frozen, so new events keep coming and 'drained' would "
            "mean nothing.",
            next_command="rubyops freeze",
        )
    facts = {"level": level, **_backlog(read)}
    return Planned((ConfirmDrained(float(params.timeout_seconds)),), facts)


def _backlog(read: Read) -> dict[str, object]:
    outbox = read.one("facts_outbox")
    return {
        "unpublished": outbox["wallet_unpublished"] + outbox["rolling_unpublished"],
        "oldest_age_ms": outbox["oldest_age_ms"] or 0,
        "unapplied": outbox["unapplied"],
        "missing": outbox["missing"],
        "set_aside": outbox["set_aside"],
    }


COMMAND = Command(
    "drain-outbox",
    Params,
    plan,
    guard_money=False,
    unplannable="the backlog is known once money is frozen",
)
