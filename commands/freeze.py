"""Freeze money: nothing new starts (`ingress`), or no money is written at all (`sealed`).

When: at the first sign of an incident, before any change of state, and before a restore or re-activation. It needs no sign-off.
Blast radius: players and providers get 503 MAINTENANCE for what is refused; settle and rollback of accepted bets pass `ingress`.
Undo: `rubyops thaw`, after a verification.
"""

from dataclasses import dataclass
from typing import Literal

from checks.platform import freeze_acknowledged
from commands._facts import acknowledged_within
from rubyops.model.effect import SetFreeze
from rubyops.model.step import Command, NoOp, Wanted, option
from rubyops.ports import Read
from wallet_runtime.contract import FREEZE_LEVELS


@dataclass(frozen=True)
class Params:
    """The level to reach and why; the reason is kept in the freeze history."""

    level: Literal["ingress", "sealed"] = option("ingress: nothing new starts; sealed: no money is written", "ingress")
    reason: str = option("why, kept in the freeze history", "")


def plan(params: Params, read: Read) -> Wanted | NoOp:
    """Want the level unless it, or a stricter one, is in force; a level that is set but not confirmed is waited for."""
    state = read.one("facts_freeze", database="control")
    gate = read.one("facts_gate")
    facts: dict[str, object] = {"level": state["level"], "epoch": state["epoch"], "wanted": params.level}
    if min(_rank(state["level"]), _rank(gate["freeze_level"])) < _rank(params.level):
        return Wanted((SetFreeze(params.level, params.reason), acknowledged_within()), facts)
    if not freeze_acknowledged.run(read).ok:
        return Wanted((acknowledged_within(),), facts)
    return NoOp(f"already frozen at {state['level']} (epoch {state['epoch']}), confirmed by every copy")


def _rank(level: str) -> int:
    return FREEZE_LEVELS.index(level)


COMMAND = Command("freeze", "Freeze money, at ingress or sealed", Params, plan, undo="rubyops thaw", guard_money=False)
