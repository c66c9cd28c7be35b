"""A freeze effect ends when its level is in force; a repeat finds its own earlier change."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import pytest

from rubyops.effects import in_force
from rubyops.effects.freeze import LiftFreeze, RaiseFreeze, TakeOverFreeze
from rubyops.errors import Overruled, Refused, TimedOut, Unreachable
from rubyops.model.freeze import FreezeChange, FreezeTruth
from rubyops.ports import EffectIdentity, Row
from tests.rubyops.effects.contexts import Around
from wallet_runtime.contract.freeze import CopySeen, Fence, Wanted, judge

CHANGE = FreezeChange(epoch=4, level="ingress", present=4, applied=True)
FREEZE = RaiseFreeze("ingress", "a test")


def truth(level: str, *, settled: bool) -> FreezeTruth:
    fence = Fence(level, 4, 4 if settled else 3)
    copy = CopySeen("gateway copy 1", 0, 4, runs=True)
    found = FreezeTruth(judge(Wanted(level, 4), fence, [copy]))
    return found if settled else replace(found, held_up_by=("session 9",))


@dataclass
class Levels:
    """A stub of the freeze port, whose level is in force after `pushes_needed` pushes."""

    change: FreezeChange = CHANGE
    pushes_needed: int = 1
    fault: Exception | None = None
    pushes: list[tuple[str, int]] = field(default_factory=list)
    now: Row = field(default_factory=dict)

    def raise_wanted(self, identity: EffectIdentity, level: str, reason: str) -> FreezeChange:
        """Return the change."""
        return self.change

    def take_over(self, identity: EffectIdentity, from_run: str) -> FreezeChange:
        """Return the change."""
        return self.change

    def lift_wanted(
        self, identity: EffectIdentity, reason: str, take_over: str, change_no: int | None
    ) -> FreezeChange:
        """Return the change."""
        return self.change

    def raise_fence_row(self, level: str, epoch: int, patience_ms: int) -> None:
        """Record the push, or raise the fault."""
        self.pushes.append((level, epoch))
        if self.fault is not None:
            raise self.fault

    def lower_fence_row(
        self, identity: EffectIdentity, level: str, epoch: int, change_no: int | None
    ) -> None:
        """Do nothing, or raise the fault."""
        if self.fault is not None:
            raise self.fault

    def end_session(self, pid: int, started_at: str) -> bool:
        """Report that no session was ended."""
        return False

    def truth(self) -> FreezeTruth:
        """The level, in force once there were enough pushes."""
        return truth(self.change.level, settled=len(self.pushes) >= self.pushes_needed)

    def whose(self, found: FreezeTruth) -> list[str]:
        """Return no names."""
        return []

    def state(self) -> Row:
        """Return the present state."""
        return self.now

    def fence_holders(self) -> str:
        """Return the name of a session."""
        return "session 9"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(in_force, "POLL_SECONDS", 0.001)
    yield


def test_a_freeze_is_pushed_until_it_is_in_force() -> None:
    levels = Levels(pushes_needed=3, fault=Unreachable("late"))
    outcome = FREEZE.carry_out(levels, Around().context())
    assert outcome.status == "ok" and len(levels.pushes) == 3
    assert outcome.details == {"level": "ingress", "epoch": 4}


def test_a_freeze_that_is_held_up_names_by_whom(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(in_force, "IN_FORCE_SECONDS", 0.05)
    with pytest.raises(TimedOut, match="held up by: session 9"):
        FREEZE.carry_out(Levels(pushes_needed=10_000), Around().context())


def test_a_push_that_is_refused_ends_the_wait() -> None:
    with pytest.raises(Refused, match="overtaken"):
        FREEZE.carry_out(Levels(pushes_needed=9, fault=Refused("overtaken")), Around().context())


def test_a_repeat_is_a_no_op_on_its_own_change_alone() -> None:
    own = replace(CHANGE, applied=False)
    assert FREEZE.carry_out(Levels(own), Around().context()).status == "noop"
    with pytest.raises(Refused, match="somebody changed it since"):
        FREEZE.carry_out(Levels(replace(own, present=5)), Around().context())


def test_a_take_over_is_told_to_the_other_run() -> None:
    around = Around()
    assert TakeOverFreeze("r-0").carry_out(Levels(), around.context()).status == "ok"
    assert around.taken_over == ["r-0"]


PROOF = {"freeze": {"level": "ingress", "epoch": 3}, "change": {"control": 1, "platform": 1}}
OPENED = replace(CHANGE, level="open")


def test_a_lift_on_another_state_than_was_verified_is_refused() -> None:
    moved = {**PROOF, "change": {"control": 2, "platform": 1}}
    levels = Levels(OPENED, pushes_needed=0, now=moved)
    with pytest.raises(Overruled, match="change control: 1 -> 2"):
        LiftFreeze("done", "", PROOF).carry_out(levels, Around().context())


def test_a_lift_on_the_state_that_was_verified_opens() -> None:
    levels = Levels(OPENED, pushes_needed=0, now=PROOF)
    outcome = LiftFreeze("done", "", PROOF).carry_out(levels, Around().context())
    assert outcome.status == "ok" and outcome.details == {"level": "open", "epoch": 4}


def test_a_fence_row_that_is_held_names_its_holder() -> None:
    levels = Levels(OPENED, pushes_needed=0, fault=TimedOut("late"), now=PROOF)
    with pytest.raises(TimedOut, match="session 9"):
        LiftFreeze("done", "", PROOF).carry_out(levels, Around().context())
