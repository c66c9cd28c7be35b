"""The journal's format: one JSON object a line, each carrying the hash of the line before it.

A line is written when `append` has returned: the file adapter syncs it to the disk first. The chain shows a changed, a
missing and a reordered line; a cut-off end shows against the head that `control` keeps.
"""

import hashlib
import json
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from rubyops.errors import JournalUnwritable
from rubyops.ports import JournalFile

GENESIS = "0" * 64
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_EPOCH_MS = 1_735_689_600_000  # 2025-01-01 UTC keeps the ids short
_RESERVED = ("seq", "prev", "hash", "time", "type")


def new_run_id(now_ms: int | None = None) -> str:
    """Make an id that is short and sorts by time: 8 characters of milliseconds, 4 of chance."""
    value = (now_ms if now_ms is not None else time.time_ns() // 1_000_000) - _EPOCH_MS
    stamp = "".join(_ALPHABET[(value >> shift) & 31] for shift in range(35, -1, -5))
    return "r-" + stamp + "".join(secrets.choice(_ALPHABET) for _ in range(4))


def line_hash(line: dict[str, Any]) -> str:
    """Hash a line's content and its link to the line before."""
    content = {key: value for key, value in line.items() if key != "hash"}
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


class Journal:
    """Appends lines to one run's journal."""

    def __init__(
        self,
        file: JournalFile | None,
        facts: dict[str, Any],
        *,
        scrub: Callable[[str], str],
        sequence: int = 0,
        head: str = GENESIS,
        lost: str | None = None,
        optional: bool = False,
    ) -> None:
        """Go on after `sequence` and `head`; `facts` stand on every line, `scrub` masks secrets.

        An `optional` journal is the brake's: it works on without one, and `lost` says why.
        """
        self.lost = lost
        self._optional = optional
        self._file = file
        self._facts = facts
        self._scrub = scrub
        self._anchor: Callable[[int, str], None] | None = None
        self.sequence = sequence
        self.head = head

    def anchor_to(self, anchor: Callable[[int, str], None]) -> None:
        """From now on keep the newest line's number and hash outside of the file, too."""
        self._anchor = anchor
        anchor(self.sequence, self.head)

    def write(self, kind: str, **content: Any) -> None:
        """Add one line; returns when it is on the disk. Raises `JournalUnwritable`."""
        body = {**self._facts, **content}
        clash = [key for key in body if key in _RESERVED]
        if clash:
            raise ValueError(f"journal line {kind!r} uses the reserved names {clash}")
        # Scrubbed before it is hashed, so that the chain is over what the file really holds.
        clean = json.loads(self._scrub(json.dumps(body, default=str)))
        line = {"seq": self.sequence + 1, "prev": self.head, "time": datetime.now(UTC).isoformat(), "type": kind, **clean}
        line["hash"] = line_hash(line)
        if not self._append(json.dumps(line, separators=(",", ":"))):
            return
        self.sequence, self.head = line["seq"], line["hash"]
        if self._anchor is not None:
            self._anchor(self.sequence, self.head)

    def _append(self, text: str) -> bool:
        """Add a line; False where an optional journal is lost."""
        if self._file is None or self.lost is not None:
            return False
        try:
            self._file.append(text)
        except JournalUnwritable as fault:
            if not self._optional:
                raise
            self.lost = fault.message
            return False
        return True

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()


@dataclass(frozen=True)
class Chain:
    """A journal as read: its whole lines, what is wrong with them, and whether the last write was torn."""

    lines: tuple[dict[str, Any], ...]
    faults: tuple[str, ...]
    torn: bool


def read_chain(raw: Sequence[str], *, ends_whole: bool) -> Chain:
    """Check every line against the one before it; `ends_whole` is False when the file's last line has no line end."""
    torn = not ends_whole
    whole = raw[:-1] if torn else raw
    lines: list[dict[str, Any]] = []
    faults: list[str] = []
    expected, previous = 1, GENESIS
    for number, text in enumerate(whole, 1):
        try:
            line = json.loads(text)
            sequence, prev, digest = line["seq"], line["prev"], line["hash"]
        except (ValueError, KeyError, TypeError):
            faults.append(f"line {number} is not a journal line")
            continue
        if line_hash(line) != digest:
            faults.append(f"line {number} (sequence {sequence}) was changed: its hash does not fit its content")
        if sequence != expected:
            faults.append(f"line {number} has sequence {sequence} where {expected} was expected: a line is missing or out of order")
        elif prev != previous:
            faults.append(f"line {number} (sequence {sequence}) does not follow the line before it")
        lines.append(line)
        expected, previous = sequence + 1, digest
    return Chain(tuple(lines), tuple(faults), torn)


def compare_with_anchor(chain: Chain, head: tuple[int, str] | None) -> str | None:
    """Return what the anchored head says against the file, or None. The file may be ahead: it is written first."""
    if head is None:
        return None
    sequence, digest = head
    by_number = {line["seq"]: line["hash"] for line in chain.lines}
    if sequence not in by_number:
        last = max(by_number, default=0)
        return f"cut off: control has seen line {sequence}, the file ends at line {last}"
    return None if by_number[sequence] == digest else f"line {sequence} is not the one that control has seen"
