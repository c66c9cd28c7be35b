"""Force a reconciliation cycle and demand that it finds nothing (PRD-T2c, PRD-4c).

The cycle compares tips, chains, records and conservation. It corrects nothing: a drift stays until
a person has explained it.

When: after any change of state, before thaw. Blast radius: one row in the reconciliation's history,
one gauge. Undo: not needed.
"""

from dataclasses import dataclass

from rubyops.effects.flow import RunFlow
from rubyops.effects.verification import BeginVerification, RecordVerification, VerificationKind
from rubyops.model.step import Command, Planned
from rubyops.ports import Read


@dataclass(frozen=True)
class Params:
    """No parameters: the whole ledger."""


def plan(params: Params, read: Read) -> Planned:
    """Want the forced cycle with 0 drifts, then the part of the verification recorded."""
    del params, read
    kind: VerificationKind = "reconciliation"
    return Planned((BeginVerification(kind), RunFlow(kind), RecordVerification(kind)), {})


COMMAND = Command("reconcile-ledger", Params, plan, guard_money=False)
