"""Every copy of every process, by its driver, its heartbeat and its own /health."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, TypedDict

from checks._liveness import CopyLife, CopyState, liveness
from rubyops.model.status import Status
from rubyops.ports import Read
from rubyops.running_code import REMEDY
from rubyops.views.view import Item

_OTHER_CODE = f"runs other code than this checkout: {REMEDY}"
_HTTP_OK = 200


class LoopSeen(TypedDict):
    """One loop of a worker as /health tells it; `failures` are those in a row."""

    age_seconds: float
    limit_seconds: float
    failures: int
    ok: bool


@dataclass(frozen=True)
class CopyFacts:
    """One copy. `pid` is 0 where none is known; a field is None where no source tells it."""

    state: CopyState
    pid: int
    url: str
    version: str | None
    driver_state: str | None
    heartbeat_age_ms: int | None
    acknowledged_epoch: int | None


@dataclass(frozen=True)
class RunningCopyFacts(CopyFacts):
    """A running copy: also its loops by name, the freeze that it obeys and the code it loaded."""

    loops: Mapping[str, LoopSeen]
    freeze: Mapping[str, object] | None
    code: str | None


@dataclass(frozen=True)
class CopiesView:
    """The copies of today; `driver_error` is why the driver does not answer, None where it does."""

    driver_error: str | None
    copies: tuple[Item[CopyFacts], ...]


def read_copies(read: Read) -> CopiesView:
    """Look at every copy of today. Raises `Unreachable` without `control`."""
    life = liveness(read)
    shown = [copy_item(read, copy) for copy in life.copies if copy.state != "ended"]
    return CopiesView(None if life.driver_answers else life.driver_error, tuple(shown))


def copy_item(read: Read, copy: CopyLife) -> Item[CopyFacts]:
    """Show one copy; one that runs is asked for its /health."""
    name = f"{copy.process} {copy.number}"
    if copy.state != "running":
        return Item(name, name, "failed", copy.trouble or "", _facts(copy))
    answer = read.get(copy.process, "/health", copy=copy.number)
    body = answer.body if isinstance(answer.body, dict) else {}
    summary = _words(body, read.environment.code) or (answer.error or "")
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
    """Say when each loop last turned, and whether the copy runs other code than the checkout."""
    loops: Mapping[str, LoopSeen] = health.get("loops") or {}
    turns = ", ".join(
        f"{name} {float(seen.get('age_seconds') or 0):.1f} s ago" for name, seen in loops.items()
    )
    is_other = bool(health) and health.get("code") != code
    return "; ".join(part for part in (turns, _OTHER_CODE if is_other else "") if part)
