"""The freeze that `control` asks for, its layers, and the freeze in force."""

from dataclasses import dataclass
from datetime import datetime

from wallet_runtime.contract.freeze import OPEN, Verdict, strictness

NO_FREEZE = OPEN


def is_stricter(level: str, than: str) -> bool:
    """Whether a freeze level is stricter than another one."""
    return strictness(level) > strictness(than)


@dataclass(frozen=True)
class FreezeState:
    """The freeze that `control` asks for; `run_id` is the run that changed it last."""

    level: str
    epoch: int
    reason: str
    run_id: str
    changed_at: datetime
    changed_by: str = ""


@dataclass(frozen=True)
class FreezeLayer:
    """The freeze of one owner; `taken_over_by` is the run that took it over and may lift it."""

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
    """The result of an effect that changes the freeze.

    `epoch` is the freeze epoch that this effect set. `present` and `level` are the epoch and the
    level that `control` has now. `applied` is False if the effect had been applied before.
    """

    epoch: int
    level: str
    present: int
    applied: bool


@dataclass(frozen=True)
class FreezeTruth:
    """The freeze in force, its layers, and the obstacles that delay it, most important first."""

    verdict: Verdict
    layers: tuple[FreezeLayer, ...] = ()
    held_up_by: tuple[str, ...] = ()
