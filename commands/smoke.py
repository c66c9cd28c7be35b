"""Smoke: health, endpoints, canary bets and duplicate requests (SMK-1 to SMK-8).

When: after any rollout, restart or rollback (PRD-4b, LE-7d). Blast radius: canary players only.
Undo: not needed.
"""

from dataclasses import dataclass

from rubyops.effects.base import AnyEffect
from rubyops.effects.flow import RunFlow
from rubyops.effects.verification import BeginVerification, RecordVerification
from rubyops.effects.wait import WaitFor
from rubyops.model.step import Command, Planned
from rubyops.ports import Read

CHECKS = ("service-health", "topology-endpoint", "policy-endpoint")
CHECK_SECONDS = 5.0
CASES = ("SMK-4", "SMK-5", "SMK-6", "SMK-7", "SMK-8")


@dataclass(frozen=True)
class Params:
    """No parameters: all smoke cases always run."""


def plan(params: Params, read: Read) -> Planned:
    """Plan to wait for every check, play every case, and record this part of the verification."""
    del params, read
    checks = (WaitFor(check, CHECK_SECONDS) for check in CHECKS)
    cases = (RunFlow(case) for case in CASES)
    effects: tuple[AnyEffect, ...] = (
        BeginVerification("smoke"),
        *checks,
        *cases,
        RecordVerification("smoke"),
    )
    return Planned(effects, {"cases": list(CASES)})


COMMAND = Command("smoke", Params, plan)
