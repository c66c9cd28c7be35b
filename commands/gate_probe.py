"""Probe one release gate that only a write can prove.

The probe plays on canary players, or makes calls that must be refused.

When: as a step of `rubyops gate`. Blast radius: canary players only; GATE-4 rolls its attempts
back. Undo: not needed. A dry-run does not play the probe, so the gate stays undecided.
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
    """Plan to play the gate's probe."""
    del read
    return Planned((RunFlow(params.gate),), {})


COMMAND = Command("gate-probe", Params, plan, guard_money=False)
