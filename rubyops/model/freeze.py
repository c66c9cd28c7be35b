"""A freeze as `control` keeps it, whose it is, and what of it is in force."""

from dataclasses import dataclass
from datetime import datetime

from wallet_runtime.contract.freeze import OPEN, Verdict, strictness

NO_FREEZE = OPEN


def is_stricter(level: str, than: str) -> bool:
    """Whether a freeze level stops more than another one does."""
    return strictness(level) > strictness(than)


@dataclass(frozen=True)
class FreezeState:
    """The freeze as `control` wants it. `run_id` is the run that changed it last."""

    level: str
    epoch: int
    reason: str
    run_id: str
    changed_at: datetime
    changed_by: str = ""


@dataclass(frozen=True)
class FreezeLayer:
    """One freeze and whose it is; `taken_over_by` names the run that may lift it now."""

    run_id: str
    owner: str
    level: str
    reason: str
    set_by: str
    set_at: datetime
    age_seconds: int
    taken_over_by: str | None


@dataclass(frozen=True)
class FreezeChange:
    """The result of a change of the freeze.

    `epoch` is the one that this effect made, `present` today's, `level` today's wanted level;
    `applied` is False for a repeat.
    """

    epoch: int
    level: str
    present: int
    applied: bool


@dataclass(frozen=True)
class FreezeTruth:
    """The freeze in force, the layers that ask for it, and what holds it up (first cause first)."""

    verdict: Verdict
    layers: tuple[FreezeLayer, ...] = ()
    held_up_by: tuple[str, ...] = ()
