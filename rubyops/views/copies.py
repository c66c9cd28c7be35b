"""The copies of all processes, as the driver, the heartbeat and /health report them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, TypedDict

from rubyops.model.status import Status
from rubyops.ports import HttpAnswer, Read
from rubyops.readings.liveness import CopyLife, CopyState, liveness
from rubyops.running_code import REMEDY
from rubyops.views.view import Item

_OTHER_CODE = f"runs other code than this checkout: {REMEDY}"
_HTTP_OK = 200


class LoopSeen(TypedDict):
    """One loop of a worker, as /health reports it. `failures` counts failed turns in a row."""

    age_seconds: float
    limit_seconds: float
    failures: int
    ok: bool


@dataclass(frozen=True)
class CopyFacts:
    """One copy. `pid` is 0 when it is unknown; other fields are None when they are unknown."""

    state: CopyState
    pid: int
    url: str
    version: str | None
    driver_state: str | None
    heartbeat_age_ms: int | None
    acknowledged_epoch: int | None


@dataclass(frozen=True)
class RunningCopyFacts(CopyFacts):
    """A running copy, with its loops by name, the freeze that it obeys and its code version."""

    loops: Mapping[str, LoopSeen]
    freeze: Mapping[str, object] | None
    code: str | None


@dataclass(frozen=True)
class CopiesView:
    """The copies of the environment. `driver_error` is None when the driver answers."""

    driver_error: str | None
    copies: tuple[Item[CopyFacts], ...]


def read_copies(read: Read) -> CopiesView:
    """Look at every copy that has not ended for good. Raises `Unreachable` without `control`."""
    life = liveness(read)
    shown = [copy_item(read, copy) for copy in life.copies if copy.state != "ended"]
    return CopiesView(None if life.driver_answers else life.driver_error, tuple(shown))


def copy_item(read: Read, copy: CopyLife) -> Item[CopyFacts]:
    """Return one copy as an item, with the answer of its /health if it runs."""
    name = f"{copy.process} {copy.number}"
    if copy.state != "running":
        return Item(name, name, "failed", copy.trouble or "", _facts(copy))
    answer = read.get(copy.process, "/health", copy=copy.number)
    return _running_item(name, copy, answer, read.environment.code)


def _running_item(name: str, copy: CopyLife, answer: HttpAnswer, code: str) -> Item[CopyFacts]:
    body = answer.body if isinstance(answer.body, dict) else {}
    summary = _words(body, code) or (answer.error or "")
    status: Status = "ok" if answer.status == _HTTP_OK else "failed"
    return Item(name, name, status, summary, _running_facts(copy, body))


def _facts(copy: CopyLife) -> CopyFacts:
    return CopyFacts(
        copy.state,
        copy.pid,
        copy.url,
        copy.version,
        copy.driver_state,
        copy.heartbeat_age_ms,
        copy.acknowledged_epoch,
    )


def _running_facts(copy: CopyLife, health: Mapping[str, Any]) -> RunningCopyFacts:
    facts = RunningCopyFacts(
        **vars(_facts(copy)),
        loops=health.get("loops") or {},
        freeze=health.get("freeze"),
        code=health.get("code"),
    )
    return replace(facts, version=health.get("version"))


def _words(health: Mapping[str, Any], code: str) -> str:
    """Return the time since the last turn of each loop, and whether the copy runs other code."""
    turns = _turns(health.get("loops") or {})
    is_other = bool(health) and health.get("code") != code
    return "; ".join(part for part in (turns, _OTHER_CODE if is_other else "") if part)


def _turns(loops: Mapping[str, LoopSeen]) -> str:
    return ", ".join(
        f"{name} {float(seen.get('age_seconds') or 0):.1f} s ago" for name, seen in loops.items()
    )
