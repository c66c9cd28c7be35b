"""Smoke: real bets on players made for it, and what a duplicate request gets (SMK-4 to SMK-8).

When: after any rollout, restart or rollback (PRD-4b, LE-7d). Blast radius: canary players only. Undo: not needed.
"""

from dataclasses import dataclass

from rubyops.model.effect import RecordVerification, RunFlow
from rubyops.model.step import Command, Wanted
from rubyops.ports import Read

CASES = ("SMK-4", "SMK-5", "SMK-6", "SMK-7", "SMK-8")


@dataclass(frozen=True)
class Params:
    """No parameters: all cases, always."""


def plan(params: Params, read: Read) -> Wanted:
    """Want every case played, then the part of the verification recorded."""
    del params, read
    return Wanted((*(RunFlow(case) for case in CASES), RecordVerification("smoke")), {"cases": list(CASES)})


COMMAND = Command("smoke", "Play the smoke checks on canary players", Params, plan)
