"""Probe one release gate that only a write can prove: on canary players, or with calls that must be refused.

When: as a step of `rubyops gate`. Blast radius: canary players only; what GATE-4 tries is rolled back.
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


COMMAND = Command(
    "gate-probe", "Probe one release gate on canary players", Params, plan, guard_money=False
)
