"""Judges which freeze level is in force; platform and toolkit share this rule (SPEC 1.6).

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
# A copy writes its heartbeat every second; the limit allows for delays on a busy machine.
FRESH_MS_MAX = 3_000
# A copy without heartbeats may be suspended and wake up later. Up to this age it counts as running
# unless the driver reports that it stopped.
SILENT_MS_MAX = 60_000
# How long each try to settle a freeze waits for its lock. Every fourth try waits longer than a
# money command may wait for a lock, so the commands under way have ended by then. The other tries
# are short, because money commands queue behind a waiting try.
PATIENCE_MS = (250, 250, 250, 2_500)
FREEZING, THAWING, UNKNOWN = "freezing", "thawing", "unknown"
WORDS = (*FREEZE_LEVELS, FREEZING, THAWING, UNKNOWN)


def strictness(level: str) -> int:
    """Return the rank of a level: 0 open, 1 ingress, 2 sealed."""
    return FREEZE_LEVELS.index(level)


def patience_ms(tries: int) -> int:
    """Return how long the next try to settle a freeze may wait, after `tries` tries."""
    return PATIENCE_MS[tries % len(PATIENCE_MS)]


@dataclass(frozen=True)
class Wanted:
    """The freeze level that `control` wants, and its epoch."""

    level: str
    epoch: int


@dataclass(frozen=True)
class Fence:
    """The fence row: its level, its epoch, and the settled epoch.

    No money command is left that saw a level from before `settled_epoch`.
    """

    level: str
    epoch: int
    settled_epoch: int


@dataclass(frozen=True)
class CopySeen:
    """One copy of a process, from its heartbeat and from the driver.

    `heartbeat_age_ms` and `acknowledged_epoch` are None if the copy never registered. `runs` is the
    driver's answer; None if there is no driver or it does not answer.
    """

    name: str
    heartbeat_age_ms: int | None
    acknowledged_epoch: int | None
    runs: bool | None = None

    @property
    def fresh(self) -> bool:
        """Whether the copy's heartbeat is recent."""
        return self.heartbeat_age_ms is not None and self.heartbeat_age_ms <= FRESH_MS_MAX

    @property
    def may_act(self) -> bool:
        """Whether the copy may still serve requests, by its heartbeat and the driver's answer."""
        if self.fresh or self.runs:
            return True
        age_ms = self.heartbeat_age_ms
        return self.runs is None and age_ms is not None and age_ms <= SILENT_MS_MAX


@dataclass(frozen=True)
class Verdict:
    """The freeze in force. `word` is a level, or `freezing`, `thawing`, `unknown`.

    A level in force may be stricter than the wanted level: the fence row keeps it until a person
    lowers it.

    `wanted` and `epoch` come from `control` (None and -1 if it does not answer). `missing` lists in
    words what has not confirmed the level. Of the `counted` copies, `confirmed` have confirmed it.
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
        """Return the verdict in words for a person."""
        if self.in_force:
            return "open" if self.word == OPEN else f"FROZEN ({self.word})"
        if self.wanted is None:
            return "UNKNOWN"
        return f"{self.word.upper()} ({self.wanted})"


def judge(wanted: Wanted | None, fence: Fence | None, copies: Sequence[CopySeen]) -> Verdict:
    """Judge the freeze from what was read; None stands for a database that does not answer."""
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
        # The copy acts on this level, even if its heartbeats have stopped since.
        return None
    if not copy.fresh:
        return f"{copy.name} has not answered for {copy.heartbeat_age_ms / 1000:.0f} s"
    return f"{copy.name} acknowledged epoch {copy.acknowledged_epoch}"
