"""Signs of life from two sources: the driver of the processes, and heartbeats in `control`.

Each source alone can be wrong. A driver that is down lists no copies. A driver reports a hung copy
as "running". A copy that a person started by hand has a heartbeat but no driver. A check that used
only one source could miss copies and pass.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any, Literal

from rubyops.errors import Unreachable
from rubyops.ports import Copy, HttpAnswer, Read, Row
from wallet_runtime.contract.freeze import FRESH_MS_MAX

FRESH_MS = FRESH_MS_MAX

CopyState = Literal[
    "running",
    "starting",
    "stopped",
    "silent",  # running for the driver, but the heartbeat is stale or was never written
    "unknown to the driver",  # a fresh heartbeat, but the driver has no running copy for it
    "ended",  # no fresh heartbeat and not in the driver: there were more copies earlier
    "not known",  # no fresh heartbeat, and the driver does not answer
]

_STARTING = ("starting", "backoff")
_STOPPED = ("stopped", "exited", "fatal")
_Beats = dict[tuple[str, int], Row]


@dataclass(frozen=True)
class CopyLife:
    """One copy of a process, as both sources describe it. None means that the source has no value.

    `driver_state` is None if the driver does not have the copy or does not answer. `ended` is true
    if the copy said in its last heartbeat that it stops, so even a fresh heartbeat proves no life.
    `pid` comes from the driver, or from the heartbeat if the driver has none.
    """

    process: str
    number: int
    driver_answers: bool
    driver_state: str | None
    pid: int
    url: str
    heartbeat_pid: int | None = None
    heartbeat_url: str | None = None
    heartbeat_age_ms: int | None = None
    acknowledged_epoch: int | None = None
    version: str | None = None
    ended: bool = False
    heartbeat_code: str | None = None

    @property
    def label(self) -> str:
        """The copy's name in messages."""
        return f"{self.process} copy {self.number}"

    def fresh(self, limit_ms: int = FRESH_MS) -> bool:
        """Whether the copy wrote a heartbeat within the limit and has not announced its end."""
        age_ms = self.heartbeat_age_ms
        return age_ms is not None and age_ms <= limit_ms and not self.ended

    @property
    def state(self) -> CopyState:
        """The state that follows from both sources together."""
        if self.driver_answers and self.driver_state in _STARTING:
            return "starting"
        if self._driver_runs_it():
            return self._state_while_run()
        if self.fresh():
            return "unknown to the driver"
        if not self.driver_answers:
            return "not known"
        return "ended" if self.driver_state is None else "stopped"

    def _driver_runs_it(self) -> bool:
        return self.driver_answers and self.driver_state not in (None, *_STOPPED)

    def _state_while_run(self) -> CopyState:
        if not self.fresh():
            return "silent"
        return "unknown to the driver" if self._another_process_reports() else "running"

    @property
    def trouble(self) -> str | None:
        """A sentence about a contradiction between the two sources, or None if there is none."""
        if self.state == "silent":
            says = f"though the driver says {self.driver_state} (pid {self.pid})"
            return f"{self.label}: {self._heard()}, {says}"
        if self.state == "not known":
            return f"{self.label}: {self._heard()}, and the driver does not answer"
        if self.state == "unknown to the driver":
            return self._by_hand()
        return None

    def _by_hand(self) -> str:
        reports = f"{self.label}: pid {self.heartbeat_pid} reports, and the driver"
        if not self.driver_answers:
            return f"{reports} does not answer"
        says = f"says {self.driver_state or 'nothing of it'}"
        if self._another_process_reports():
            says = f"keeps pid {self.pid}"
        return f"{reports} {says}: somebody runs it by hand"

    @property
    def out_of_reach(self) -> str | None:
        """The reason why HTTP calls to the driver's address do not reach this copy, or None.

        A copy that a person runs by hand can be reached if it uses the same address.
        """
        by_hand = self.driver_state is not None and self.state == "unknown to the driver"
        if by_hand and self.heartbeat_url == self.url:
            return None
        return self.trouble

    def _heard(self) -> str:
        if self.heartbeat_age_ms is None:
            return "never reported a heartbeat"
        return f"last heartbeat {self.heartbeat_age_ms} ms ago, allowed {FRESH_MS} ms"

    @property
    def reported_code(self) -> str | None:
        """The code digest in the heartbeat, or None if another process wrote the heartbeat."""
        return None if self._another_process_reports() else self.heartbeat_code

    def _another_process_reports(self) -> bool:
        """Whether the driver's process and the heartbeat's process have different pids."""
        both = bool(self.driver_state and self.pid and self.heartbeat_pid)
        return both and self.pid != self.heartbeat_pid


def answered_by_another(copy: CopyLife, answer: HttpAnswer) -> str | None:
    """Return a sentence if another program answers at the copy's address, else None.

    An answer without a pid also gives None. It comes from an old version, and the check
    `code-current` reports that.
    """
    told = answer.body.get("pid") if isinstance(answer.body, Mapping) else None
    if told is None or told in (copy.pid, copy.heartbeat_pid):
        return None
    answers = f"{copy.label}: pid {told} answers at {copy.url}"
    return f"{answers}, and the copy is pid {copy.pid}: something else has its port"


@dataclass(frozen=True)
class Liveness:
    """Every copy in the driver or with a heartbeat, and whether the driver answers."""

    copies: tuple[CopyLife, ...]
    driver_answers: bool
    driver_error: str | None = None

    def of(self, *processes: str) -> tuple[CopyLife, ...]:
        """Return the copies of these processes, without copies in state "ended"."""
        mine = [copy for copy in self.copies if copy.process in processes]
        return tuple(copy for copy in mine if copy.state != "ended")

    def fresh(self, limit_ms: int = FRESH_MS) -> tuple[CopyLife, ...]:
        """Return every copy with a heartbeat within the limit, also if unknown to the driver."""
        return tuple(copy for copy in self.copies if copy.fresh(limit_ms))

    def in_state(self, *states: CopyState) -> tuple[CopyLife, ...]:
        """Return the copies in these states."""
        return tuple(copy for copy in self.copies if copy.state in states)

    @property
    def troubles(self) -> list[str]:
        """The contradictions of all copies, or a single sentence if the driver does not answer."""
        if not self.driver_answers:
            return [f"the driver does not answer: {self.driver_error}"]
        return [copy.trouble for copy in self.copies if copy.trouble]


def not_running(life: Liveness, processes: Iterable[str], copies: int) -> list[str]:
    """Return a sentence for each copy of these processes that should run and does not.

    `copies` is the number of copies that the environment has of each process. A copy that the
    driver does not have counts as not running.
    """
    absent = (_absent(life.of(process), process, copies) for process in processes)
    return list(chain.from_iterable(absent))


def _absent(mine: tuple[CopyLife, ...], process: str, copies: int) -> Iterator[str]:
    if not mine:
        yield f"{process}: no copy is kept"
        return
    numbers = {copy.number for copy in mine}
    for number in sorted(set(range(1, copies + 1)) - numbers):
        yield f"{process} copy {number}: not kept, and the environment has {copies} copies of each"
    for copy in mine:
        if copy.state != "running":
            yield copy.trouble or f"{copy.label}: {copy.driver_state}, expected running"


def liveness(read: Read) -> Liveness:
    """Query both sources and merge their answers. Raises `Unreachable` if `control` is down."""
    kept, error = _kept(read)
    rows = read.rows("facts_service_copies", database="control")
    beats = {(str(row["process"]), int(row["copy"])): row for row in rows}
    return Liveness(tuple(_merged(kept, beats, answers=error is None)), error is None, error)


def _kept(read: Read) -> tuple[tuple[Copy, ...], str | None]:
    """Return the copies of the driver, and the reason if it does not answer."""
    try:
        return tuple(read.copies()), None
    except Unreachable as fault:
        return (), fault.message


def _merged(kept: tuple[Copy, ...], beats: _Beats, *, answers: bool) -> Iterator[CopyLife]:
    known = {(copy.process, copy.number): copy for copy in kept}
    for key in [*known, *(key for key in beats if key not in known)]:
        beat = beats.get(key)
        reported = _reported(beat) if beat else {}
        yield _life(key, known.get(key), reported, answers=answers)


def _life(
    key: tuple[str, int], copy: Copy | None, reported: dict[str, Any], *, answers: bool
) -> CopyLife:
    pid, url = reported.get("heartbeat_pid", 0), reported.get("heartbeat_url", "")
    if copy is None:
        return CopyLife(*key, answers, None, pid, url, **reported)
    return CopyLife(*key, answers, copy.state, copy.pid or pid, copy.url, **reported)


def _reported(beat: Row) -> dict[str, Any]:
    """Return the fields of a `CopyLife` that come from a heartbeat."""
    return {
        "heartbeat_pid": int(beat["pid"]),
        "heartbeat_url": str(beat["url"]),
        "heartbeat_age_ms": int(beat["heartbeat_age_ms"]),
        "acknowledged_epoch": int(beat["acknowledged_epoch"]),
        "version": str(beat["version"]),
        "ended": bool(beat["ended"]),
        "heartbeat_code": beat.get("code"),
    }
