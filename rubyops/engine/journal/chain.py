"""The hash chain of a journal: each line carries the hash of the line before it.

The chain reveals changed, missing and reordered lines, but not lines cut off at the end. `control`
therefore keeps the number and hash of the newest line as the journal's anchor.
"""

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from typing import TypeGuard

from rubyops.engine.effect_data import starts_platform
from rubyops.engine.journal.decode import read_line
from rubyops.engine.journal.lines import (
    FORMAT,
    GENESIS,
    Content,
    EffectEnded,
    EffectIntended,
    Line,
    LockTaken,
    RunResumed,
)

Head = tuple[int, str] | None  # the anchor: number and hash of the newest line in `control`
UNANCHORED = (
    "control has no anchor of this run, though it took the lock: "
    "the journal is not one that a run wrote here"
)


@dataclass(frozen=True)
class Chain:
    """A parsed journal: its readable lines, its faults, and whether the last line is incomplete."""

    lines: tuple[Line, ...]
    faults: tuple[str, ...]
    torn: bool

    @property
    def hashes(self) -> dict[int, str]:
        """The hash of each line, by the number of the line."""
        return {line.seq: line.hash for line in self.lines}

    @property
    def newer(self) -> str:
        """Describe a line format that is newer than this version knows; empty without one."""
        newest = max((line.v for line in self.lines), default=FORMAT)
        if newest <= FORMAT:
            return ""
        return (
            "a later version of rubyops wrote in its journal "
            f"(line format {newest}; this version knows {FORMAT})"
        )


def read_chain(raw: Sequence[str], *, ends_whole: bool, run_id: str | None = None) -> Chain:
    """Parse the lines and check the hash, sequence number and run id of each.

    `ends_whole` is False when the last line has no newline; that line is ignored. An unreadable
    line is reported as a fault and left out. `run_id` is the run that the file is named after.
    """
    lines: list[Line] = []
    faults: list[str] = []
    for number, text in enumerate(raw if ends_whole else raw[:-1], 1):
        line = read_line(text)
        found = _faults_of(line, lines[-1] if lines else None, run_id)
        faults.extend(f"line {number} {fault}" for fault in found)
        if isinstance(line, Line):
            lines.append(line)
    return Chain(tuple(lines), tuple(faults), torn=not ends_whole)


def _faults_of(line: Line | str, before: Line | None, run_id: str | None) -> Iterator[str]:
    if isinstance(line, str):
        yield line
        return
    if not line.is_unchanged:
        yield f"(sequence {line.seq}) was changed: its hash does not fit its content"
    yield from _faults_of_link(line, before)
    if run_id is not None and line.run != run_id:
        yield f"belongs to run {line.run}: the file is a copy, or was renamed"


def _faults_of_link(line: Line, before: Line | None) -> Iterator[str]:
    expected, previous = _link_after(before)
    if line.seq != expected:
        missing = "a line is missing or out of order"
        yield f"has sequence {line.seq} where {expected} was expected: {missing}"
    elif line.prev != previous:
        yield f"(sequence {line.seq}) does not follow the line before it"


def _link_after(before: Line | None) -> tuple[int, str]:
    return (before.seq + 1, before.hash) if before is not None else (1, GENESIS)


def anchor_faults(chain: Chain, head: Head) -> tuple[str, ...]:
    """Return how the journal contradicts its anchor in `control`; empty when they agree."""
    if head is None:
        return (UNANCHORED,) if needs_anchor(chain) else ()
    cut = compare_with_anchor(chain, head)
    return (cut,) if cut else ()


def compare_with_anchor(chain: Chain, head: Head) -> str | None:
    """Return how the journal contradicts the given anchor; None when they agree.

    The journal may hold newer lines, because a run writes each line before its anchor.
    """
    if head is None:
        return None
    (sequence, digest), hashes = head, chain.hashes
    if sequence not in hashes:
        last = max(hashes, default=0)
        return f"cut off: control has seen line {sequence}, the file ends at line {last}"
    if hashes[sequence] != digest:
        return f"line {sequence} is not the one that control has seen"
    return None


def needs_anchor(chain: Chain) -> bool:
    """Return whether `control` must have an anchor of this run.

    A run writes its first anchor when it takes the lock. Only the start of the platform comes
    before the lock. If that start fails, the run may end without an anchor.
    """
    contents = [line.content for line in chain.lines]
    starts = {item.effect_id for item in contents if _intends_start(item)}
    return any(_shows_lock(content, starts) for content in contents)


def _intends_start(content: Content | None) -> TypeGuard[EffectIntended]:
    return isinstance(content, EffectIntended) and starts_platform(content.effect)


def _shows_lock(content: Content | None, starts: Set[str]) -> bool:
    """Whether the content proves that the run took the lock."""
    if not isinstance(content, EffectEnded):
        return isinstance(content, LockTaken)
    return content.status in ("ok", "noop") or content.effect_id not in starts


def lines_ahead(lines: Sequence[Line], anchored: int | None) -> set[int]:
    """Return the numbers of lines newer than the anchor, now or at the time of a resume.

    A process killed between a line and its anchor leaves one such line. An unreachable `control`
    leaves several. A forged journal may hold any number of them.
    """
    found = _newer(lines, anchored) if anchored is not None else set()
    # The loop starts at the newest line, because a resume line without an anchor may be forged:
    # its `anchored` field must not be used.
    for index, line in reversed([*enumerate(lines)]):
        if isinstance(line.content, RunResumed) and line.seq not in found:
            found |= _newer(lines[:index], line.content.anchored)
    return found


def _newer(lines: Sequence[Line], anchored: int) -> set[int]:
    return {line.seq for line in lines if line.seq > anchored}
