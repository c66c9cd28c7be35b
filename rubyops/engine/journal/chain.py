"""The journal's format: one JSON object a line, each carrying the hash of the line before it.

A line is written when `append` has returned: the file adapter syncs it to the disk first. The chain shows a changed, a
missing and a reordered line; a cut-off end shows against the head that `control` keeps.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

GENESIS = "0" * 64
DEPTH_MAX = 50
_ON_EVERY_LINE: dict[str, type] = {
    "seq": int,
    "prev": str,
    "hash": str,
    "time": str,
    "type": str,
    "run": str,
}
# Fields that readers of a line rely on; a line without one is a fault of the journal, not of the
# reader.
_BY_TYPE: dict[str, dict[str, type]] = {
    "run_started": {"playbook": dict, "dry_run": bool, "who": str, "host": str, "commit": str},
    "run_resumed": {"pid": int, "anchored": int},
    "lock_taken": {"token": int},
    "step_started": {"step": str},
    "step_planned": {"step": str, "first": int, "effects": list},
    "intent": {"step": str, "number": int, "effect_id": str, "effect": dict, "words": str},
    "outcome": {
        "step": str, "number": int, "effect_id": str, "status": str, "summary": str, "details": dict,
    },
    "step_finished": {"step": str, "status": str, "summary": str, "details": dict},
    "recorded": {"suite": str, "result": dict},
    "run_finished": {"state": str, "exit_code": int},
}  # fmt: skip
# Fields that later versions added: their absence is unknown, another type is a fault.
_LATER: dict[str, dict[str, type]] = {"lock_taken": {"freeze_level": str, "freeze_epoch": int}}
_OF_PLAYBOOK: dict[str, type] = {
    "name": str, "title": str, "kind": str, "source": str, "steps": list, "parameters": dict,
}  # fmt: skip


def line_hash(line: dict[str, Any]) -> str:
    """Hash a line's content and its link to the line before."""
    content = {key: value for key, value in line.items() if key != "hash"}
    return hashlib.sha256(
        json.dumps(content, sort_keys=True, separators=(",", ":")).encode()
    ).hexdigest()


@dataclass(frozen=True)
class Chain:
    """A journal as read: its whole lines, what is wrong with them, and whether the last write was torn."""

    lines: tuple[dict[str, Any], ...]
    faults: tuple[str, ...]
    torn: bool


def read_chain(raw: Sequence[str], *, ends_whole: bool, run_id: str | None = None) -> Chain:
    """Check every line against the one before it, and against the run that the file is named for.

    `ends_whole` is False when the file's last line has no line end. A line that cannot be read is a fault and left out.
    """
    torn = not ends_whole
    whole = raw[:-1] if torn else raw
    lines: list[dict[str, Any]] = []
    faults: list[str] = []
    expected, previous = 1, GENESIS
    for number, text in enumerate(whole, 1):
        line, fault = read_line(text)
        if line is None:
            faults.append(f"line {number} {fault}")
            continue
        faults.extend(
            f"line {number} {found}" for found in _faults_of(line, expected, previous, run_id)
        )
        lines.append(line)
        expected, previous = line["seq"] + 1, line["hash"]
    return Chain(tuple(lines), tuple(faults), torn)


def _faults_of(
    line: Mapping[str, Any], expected: int, previous: str, run_id: str | None
) -> Iterator[str]:
    sequence = line["seq"]
    if line_hash(dict(line)) != line["hash"]:
        yield f"(sequence {sequence}) was changed: its hash does not fit its content"
    if sequence != expected:
        yield f"has sequence {sequence} where {expected} was expected: a line is missing or out of order"
    elif line["prev"] != previous:
        yield f"(sequence {sequence}) does not follow the line before it"
    if run_id is not None and line["run"] != run_id:
        yield f"belongs to run {line['run']}: the file is a copy, or was renamed"


def read_line(text: str) -> tuple[dict[str, Any] | None, str]:
    """Read one line, or say why it is none. Whatever stands in the file, nothing is raised."""
    try:
        line = json.loads(text)
    except (ValueError, RecursionError):
        return None, "is not a journal line: it is no JSON"
    if not isinstance(line, dict):
        return None, f"is not a journal line: it is no object, but {type(line).__name__}"
    if _is_too_deep(line):
        return None, f"is not a journal line: it is nested deeper than {DEPTH_MAX} levels"
    wrong = _misfits(line, _ON_EVERY_LINE) or _misfits(line, _demanded(line))
    if not wrong and line["type"] == "run_started":
        wrong = [f"playbook.{name}" for name in _misfits(line["playbook"], _OF_PLAYBOOK)]
    if not wrong and _moment(line["time"]) is None:
        wrong = ["time"]
    if wrong:
        return None, f"is not a journal line: {', '.join(wrong)} missing or not as it has to be"
    return line, ""


def _is_too_deep(line: dict[str, Any]) -> bool:
    # Python can read a little deeper than it can write, so a reader would end in a RecursionError.
    level: list[Any] = [line]
    for _ in range(DEPTH_MAX):
        held = [item for item in level if isinstance(item, dict | list)]
        level = [
            part for item in held for part in (item.values() if isinstance(item, dict) else item)
        ]
        if not level:
            return False
    return True


def _demanded(line: Mapping[str, Any]) -> dict[str, type]:
    later = _LATER.get(line["type"], {})
    return _BY_TYPE.get(line["type"], {}) | {name: later[name] for name in later if name in line}


def _misfits(line: Mapping[str, Any], wanted: Mapping[str, type]) -> list[str]:
    # JSON's true is an int to Python, and no number of ours.
    return [name for name, kind in wanted.items() if type(line.get(name)) is not kind]


def _moment(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo is not None else None


def compare_with_anchor(chain: Chain, head: tuple[int, str] | None) -> str | None:
    """Return what the anchored head says against the file, or None. The file may be ahead: it is written first."""
    if head is None:
        return None
    sequence, digest = head
    by_number = {line["seq"]: line["hash"] for line in chain.lines}
    if sequence not in by_number:
        last = max(by_number, default=0)
        return f"cut off: control has seen line {sequence}, the file ends at line {last}"
    return (
        None
        if by_number[sequence] == digest
        else f"line {sequence} is not the one that control has seen"
    )


def needs_anchor(chain: Chain) -> bool:
    """Whether control must know this run: it took the lock, or did what needs the lock.

    Only starting the platform comes before the lock; a start that failed there leaves an outcome
    and no anchor.
    """
    intents = [line for line in chain.lines if line["type"] == "intent"]
    starts = {
        line["effect_id"] for line in intents if line["effect"].get("effect") == "StartPlatform"
    }
    return any(
        line["type"] == "lock_taken"
        or (
            line["type"] == "outcome"
            and (line["status"] in ("ok", "noop") or line["effect_id"] not in starts)
        )
        for line in chain.lines
    )
