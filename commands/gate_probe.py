"""Probe one release gate that only a write can prove.

It plays on canary players, or makes calls that must be refused.

When: as a step of `rubyops gate`. Blast radius: canary players only; GATE-4 rolls its tries back.
Undo: not needed. In a dry-run it decides nothing.
"""

from dataclasses import dataclass
from typing import Literal

from rubyops.effects.flow import RunFlow
from rubyops.model.step import Command, Planned
from rubyops.ports import Read


@dataclass(frozen=True)
class Params:
    """The gate's id."""

    gate: Literal["GATE-4", "GATE-5", "GATE-7", "GATE-8", "GATE-10"]


def plan(params: Params, read: Read) -> Planned:
    """Want the gate's probe played."""
    del read
    return Planned((RunFlow(params.gate),), {})


COMMAND = Command("gate-probe", Params, plan, guard_money=False)
