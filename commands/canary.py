"""Canary: one deposit, bet, settlement and withdrawal, and agreeing ledger tips (PRD-4d).

When: last before thaw, and whenever in doubt. The canary passes a freeze, and its money is real.
Blast radius: one canary player. Undo: not needed.
"""

from dataclasses import dataclass

from rubyops.effects.flow import RunFlow
from rubyops.effects.verification import BeginVerification, RecordVerification
from rubyops.model.step import Command, Planned
from rubyops.ports import Read


@dataclass(frozen=True)
class Params:
    """No parameters: there is one round trip."""


def plan(params: Params, read: Read) -> Planned:
    """Want the round trip, then the part of the verification recorded."""
    del params, read
    effects = (BeginVerification("canary"), RunFlow("canary"), RecordVerification("canary"))
    return Planned(effects, {})


COMMAND = Command("canary", Params, plan)
