"""Confirm that the way back to the pair before is open (PRD-T2b).

A previous pair exists, no accepted bet would be stranded, and wallet_service would activate the
pair. Then no money, grant, open stake or rolling would be out of reach (A7-8).

When: in a tier 2 rollback, after the ingress freeze and before sealing. At that time consumers
still run, and open bets can still be settled or rolled back.
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
    """No parameters: the active pair and the previous pair are read from the database."""


def plan(params: Params, read: Read) -> NoOp:
    """Return a no-op when a return to the previous pair is possible. Raises `Refused` otherwise."""
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
