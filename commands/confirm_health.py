"""Confirm health: every process is green and every worker makes progress.

The result is recorded as a part of this freeze's verification.

When: after a restart, before thaw (PRD-4a). Blast radius: one row in `control`. Undo: not needed.
"""

from dataclasses import dataclass

from rubyops.effects.verification import BeginVerification, RecordVerification
from rubyops.effects.wait import WaitFor
from rubyops.model.step import Command, Planned, option
from rubyops.ports import Read


@dataclass(frozen=True)
class Params:
    """How long the platform may take to become green, in seconds."""

    timeout_seconds: int = option("longest wait, in seconds", 30)


def plan(params: Params, read: Read) -> Planned:
    """Plan to wait until both checks hold, and then to record the result."""
    del read
    bound = float(params.timeout_seconds)
    waits = (WaitFor("service-health", bound), WaitFor("forward-progress", bound))
    return Planned((BeginVerification("health"), *waits, RecordVerification("health")), {})


COMMAND = Command("confirm-health", Params, plan, guard_money=False)
