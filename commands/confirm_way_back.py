"""Confirm that the way back to the pair before is open (PRD-T2b).

There is such a pair, no accepted bet would be stranded, and wallet_service would activate it: no
money, grant, open stake or rolling would be out of reach (A7-8).

When: in a tier 2 rollback, after the ingress freeze and before sealing, while open bets can still
be settled or rolled back and consumers run.
Blast radius: none. Undo: not needed.
"""

from dataclasses import dataclass

from commands._pairs import active_pair
from commands._previous_pair import (
    pair_to_go_back_to,
    refuse_open_bets,
    refuse_what_activation_would,
)
from rubyops.model.step import Command, NoOp
from rubyops.ports import Read


@dataclass(frozen=True)
class Params:
    """No parameters: the present pair is the one to be left."""


def plan(params: Params, read: Read) -> NoOp:
    """Refuse, or say that nothing is in the way."""
    del params
    target, present = pair_to_go_back_to(read), active_pair(read)
    refuse_open_bets(read, present)
    refuse_what_activation_would(read, target)
    return NoOp(f"nothing stands in the way from {present} to {target}")


COMMAND = Command(
    "confirm-way-back",
    Params,
    plan,
    guard_money=False,
)
