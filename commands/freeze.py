"""Freeze money: nothing new starts (`ingress`), or no money is written at all (`sealed`).

When: at the first sign of an incident, before any change of state, and before a restore or
re-activation. It needs no sign-off and no lock. It works during another run, and that run then
stops before its next effect.
Blast radius: players and providers get 503 MAINTENANCE for refused calls. Settlement and rollback
of accepted bets pass `ingress`.
Undo: `rubyops thaw`, after a verification.
"""

from dataclasses import dataclass
from typing import Literal

from rubyops.effects.base import AnyEffect
from rubyops.effects.freeze import RaiseFreeze, TakeOverFreeze
from rubyops.model.freeze import FreezeLayer
from rubyops.model.step import Command, Planned, option
from rubyops.ports import Read
from rubyops.readings.freeze import whose


@dataclass(frozen=True)
class Params:
    """The level, the reason for the freeze history, and an ended run whose freeze to adopt."""

    level: Literal["ingress", "sealed"] = option(
        "ingress: nothing new starts; sealed: no money is written", "ingress"
    )
    reason: str = option("why, kept in the freeze history", "")
    take_over: str = option("adopt the freeze of this run, which has ended or died", "")


def plan(params: Params, read: Read) -> Planned:
    """Plan a freeze layer of this level, even if a stricter layer exists: each owner has its own.

    The plan reads only `control`, because a freeze must work while the platform's database is down.
    """
    state = read.one("facts_freeze", database="control")
    layers = [FreezeLayer(**row) for row in read.rows("facts_freeze_layers", database="control")]
    facts: dict[str, object] = {"level": state["level"], "epoch": state["epoch"]}
    facts["wanted"] = params.level
    if layers:
        facts["in force already"] = [whose(layer) for layer in layers]
    return Planned(_effects(params), facts)


def _effects(params: Params) -> tuple[AnyEffect, ...]:
    freeze = RaiseFreeze(params.level, params.reason)
    return (TakeOverFreeze(params.take_over), freeze) if params.take_over else (freeze,)


COMMAND = Command(
    "freeze",
    Params,
    plan,
    undo="rubyops thaw",
    guard_money=False,
)
