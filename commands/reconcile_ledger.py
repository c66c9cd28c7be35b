"""Force a reconciliation cycle and see that it found nothing: tips, chains, records and conservation (PRD-T2c, PRD-4c).

When: after any change of state, before thaw. It never corrects: a drift that nobody has explained stays for a person.
Blast radius: reads, one line in the reconciliation's history, one gauge. Undo: not needed.
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


COMMAND = Command(
    "reconcile-ledger", "Force a reconciliation and demand drift 0", Params, plan, guard_money=False
)
