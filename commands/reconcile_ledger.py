"""Force a reconciliation cycle and demand that it finds nothing (PRD-T2c, PRD-4c).

The cycle compares ledger tips, hash chains, records and conservation. It never corrects a
difference, because a person must explain it first.

When: after any change of state, before thaw. Blast radius: one row in the reconciliation's history
and one metric. Undo: not needed.
"""

from dataclasses import dataclass

from rubyops.effects.flow import RunFlow
from rubyops.effects.verification import BeginVerification, RecordVerification, VerificationKind
from rubyops.model.step import Command, Planned
from rubyops.ports import Read


@dataclass(frozen=True)
class Params:
    """No parameters: a cycle always covers the whole ledger."""


def plan(params: Params, read: Read) -> Planned:
    """Plan to force a cycle that must find 0 drifts, and to record it for the verification."""
    del params, read
    kind: VerificationKind = "reconciliation"
    return Planned((BeginVerification(kind), RunFlow(kind), RecordVerification(kind)), {})


COMMAND = Command("reconcile-ledger", Params, plan, guard_money=False)
