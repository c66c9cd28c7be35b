"""Canary: one deposit, bet, settlement and withdrawal, and agreeing ledger tips (PRD-4d).

When: as the last step before thaw, and whenever in doubt. The canary's calls pass a freeze, and
its money is real.
Blast radius: one canary player. Undo: not needed.
"""

from dataclasses import dataclass

from rubyops.effects.flow import RunFlow
from rubyops.effects.verification import BeginVerification, RecordVerification
from rubyops.model.step import Command, Planned
from rubyops.ports import Read


@dataclass(frozen=True)
class Params:
    """No parameters: the flow is always the same."""


def plan(params: Params, read: Read) -> Planned:
    """Plan to play the canary flow and to record the result as a part of the verification."""
    del params, read
    effects = (BeginVerification("canary"), RunFlow("canary"), RecordVerification("canary"))
    return Planned(effects, {})


COMMAND = Command("canary", Params, plan)
