"""Judges which freeze level is in force: the one rule that both programs use (SPEC 1.6).

A level is in force when `control`, the fence row of the operated database and every copy that may
still act agree on it. Until then it is "freezing" or "thawing", and the verdict names what is
missing.
"""

from collections.abc import Sequence
from dataclasses import dataclass

OPEN = "open"
INGRESS = "ingress"
SEALED = "sealed"
FREEZE_LEVELS = (OPEN, INGRESS, SEALED)
# A copy writes its heartbeat every second; the rest is room for a busy machine.
FRESH_MS_MAX = 3_000
# A silent copy that no driver has told to be stopped may only be standing still.
SILENT_MS_MAX = 60_000
# Every fourth try to settle waits longer than a money command may wait for a lock, so that one
# under way has ended. The others are short: money commands queue behind whoever waits.
PATIENCE_MS = (250, 250, 250, 2_500)
FREEZING, THAWING, UNKNOWN = "freezing", "thawing", "unknown"
WORDS = (*FREEZE_LEVELS, FREEZING, THAWING, UNKNOWN)


def strictness(level: str) -> int:
    """Rank a level: 0 open, 1 ingress, 2 sealed."""
    return FREEZE_LEVELS.index(level)


def patience_ms(tries: int) -> int:
    """Return how long the next try to settle a freeze may wait, after this many tries."""
    return PATIENCE_MS[tries % len(PATIENCE_MS)]


@dataclass(frozen=True)
class Wanted:
    """The level that `control` asks for, and its epoch."""

    level: str
    epoch: int


@dataclass(frozen=True)
class Fence:
    """The fence row. Up to `settled_epoch` no money command is left that saw an earlier level."""

    level: str
    epoch: int
    settled_epoch: int


@dataclass(frozen=True)
class CopySeen:
    """One copy of a process, from its heartbeat and from the driver.

    `heartbeat_age_ms` and `acknowledged_epoch` are None when it never registered. `runs` is the
    driver's word; None when the driver does not answer or there is none.
    """

    name: str
    heartbeat_age_ms: int | None
    acknowledged_epoch: int | None
    runs: bool | None = None

    @property
    def fresh(self) -> bool:
        """Whether the copy has just given a sign of life."""
        return self.heartbeat_age_ms is not None and self.heartbeat_age_ms <= FRESH_MS_MAX

    @property
    def may_act(self) -> bool:
        """Whether the copy may still serve requests, as far as anybody can tell."""
        if self.fresh or self.runs:
            return True
        age_ms = self.heartbeat_age_ms
        return self.runs is None and age_ms is not None and age_ms <= SILENT_MS_MAX


@dataclass(frozen=True)
class Verdict:
    """The freeze in force. `word` is a level, or `freezing`, `thawing`, `unknown`.

    A level in force may be stricter than the wanted one: the fence row keeps it until a person
    lowers it.

    `wanted` and `epoch` are what `control` asks for (None and -1 when it does not answer),
    `missing` says in words what has not confirmed it, of `counted` copies `confirmed` have.
    """

    word: str
    wanted: str | None
    epoch: int
    missing: tuple[str, ...] = ()
    confirmed: int = 0
    counted: int = 0

    @property
    def in_force(self) -> bool:
        """Whether the wanted level is in force, or a stricter one."""
        return self.word in FREEZE_LEVELS

    @property
    def sentence(self) -> str:
        """Say the verdict for a person."""
        if self.in_force:
            return "open" if self.word == OPEN else f"FROZEN ({self.word})"
        if self.wanted is None:
            return "UNKNOWN"
        return f"{self.word.upper()} ({self.wanted})"


def judge(wanted: Wanted | None, fence: Fence | None, copies: Sequence[CopySeen]) -> Verdict:
    """Judge what is in force from what was read; None stands for what did not answer."""
    if wanted is None:
        return Verdict(UNKNOWN, None, -1, ("control does not answer",))
    acting = [copy for copy in copies if copy.may_act]
    late = [fault for copy in acting if (fault := _fault(copy, wanted.epoch))]
    missing = (*_fence_faults(fence, wanted), *late)
    if not acting:
        missing = (*missing, "no copy of any process has reported")
    confirmed = len(acting) - len(late)
    word = _level(wanted, fence)
    if missing:
        word = THAWING if wanted.level == OPEN else FREEZING
    return Verdict(word, wanted.level, wanted.epoch, missing, confirmed, len(acting))


def _level(wanted: Wanted, fence: Fence | None) -> str:
    """Return the wanted level, or a stricter one that the fence row has kept."""
    return max(wanted.level, fence.level if fence else OPEN, key=strictness)


def _fence_faults(fence: Fence | None, wanted: Wanted) -> tuple[str, ...]:
    if fence is None:
        return ("the operated database does not answer for its fence row",)
    is_weaker = strictness(fence.level) < strictness(wanted.level)
    is_left = wanted.level == OPEN and fence.level != OPEN
    if fence.epoch != wanted.epoch or is_weaker or is_left:
        return (f"the fence row says {fence.level} at epoch {fence.epoch}",)
    if fence.settled_epoch != wanted.epoch:
        return ("money commands of before the freeze may still be under way",)
    return ()


def _fault(copy: CopySeen, epoch: int) -> str | None:
    if copy.heartbeat_age_ms is None:
        return f"{copy.name} runs and never reported"
    if copy.acknowledged_epoch == epoch:
        # It acts on this level, also where it has fallen silent since.
        return None
    if not copy.fresh:
        return f"{copy.name} has not answered for {copy.heartbeat_age_ms / 1000:.0f} s"
    return f"{copy.name} acknowledged epoch {copy.acknowledged_epoch}"
