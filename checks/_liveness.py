"""Signs of life from two sources: the driver of the processes, and heartbeats in `control`.

Neither is believed alone. A driver that does not answer knows of nobody, a copy that hangs is
"running" to its driver for ever, and a copy that somebody started by hand is in no driver. A check
that trusts one source finds nobody and calls that success.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Literal

from rubyops.errors import Unreachable
from rubyops.ports import Copy, HttpAnswer, Read, Row
from wallet_runtime.contract.freeze import FRESH_MS_MAX

FRESH_MS = FRESH_MS_MAX

CopyState = Literal[
    "running",
    "starting",
    "stopped",
    "silent",  # the driver says running, and the heartbeat is stale or was never written
    "unknown to the driver",  # it reports, and the driver does not know it or says otherwise
    "ended",  # no driver keeps it any more, and it does not report: an earlier number of copies
    "not known",  # the driver does not answer, and the copy does not report
]

_STARTING = ("starting", "backoff")
_STOPPED = ("stopped", "exited", "fatal")
_Beats = dict[tuple[str, int], Row]


@dataclass(frozen=True)
class CopyLife:
    """One copy of a process, as both sources see it; None is what a source does not say.

    `driver_state` is the driver's word, None where it does not keep the copy or does not answer.
    `ended` says that the last heartbeat was a goodbye: the copy stopped in order, however young
    that heartbeat is. `pid` is the driver's, else the heartbeat's.
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
        """Name the copy for a person."""
        return f"{self.process} copy {self.number}"

    def fresh(self, limit_ms: int = FRESH_MS) -> bool:
        """Whether the copy reported within the limit, so that it acts on money now."""
        age_ms = self.heartbeat_age_ms
        return age_ms is not None and age_ms <= limit_ms and not self.ended

    @property
    def state(self) -> CopyState:
        """Say what both sources together prove."""
        if not self.driver_answers:
            return "unknown to the driver" if self.fresh() else "not known"
        if self.driver_state in _STARTING:
            return "starting"
        if self.driver_state is None or self.driver_state in _STOPPED:
            if self.fresh():
                return "unknown to the driver"
            return "ended" if self.driver_state is None else "stopped"
        if not self.fresh():
            return "silent"
        return "unknown to the driver" if self._another_process_reports() else "running"

    @property
    def trouble(self) -> str | None:
        """Say in words what the two sources disagree about; None where they agree."""
        if self.state == "silent":
            says = f"though the driver says {self.driver_state} (pid {self.pid})"
            return f"{self.label}: {self._heard()}, {says}"
        if self.state == "not known":
            return f"{self.label}: {self._heard()}, and the driver does not answer"
        if self.state != "unknown to the driver":
            return None
        reports = f"{self.label}: pid {self.heartbeat_pid} reports, and the driver"
        if not self.driver_answers:
            return f"{reports} does not answer"
        says = f"says {self.driver_state or 'nothing of it'}"
        if self._another_process_reports():
            says = f"keeps pid {self.pid}"
        return f"{reports} {says}: somebody runs it by hand"

    @property
    def out_of_reach(self) -> str | None:
        """Say why the copy cannot be asked at the driver's address; None where it can.

        One that somebody runs by hand can be asked where it reports from that very address.
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
        """The digest of the loaded code by the heartbeat; None where another process wrote it."""
        return None if self._another_process_reports() else self.heartbeat_code

    def _another_process_reports(self) -> bool:
        """Whether the driver keeps one process and another one reports under its name."""
        both = bool(self.driver_state and self.pid and self.heartbeat_pid)
        return both and self.pid != self.heartbeat_pid


def answered_by_another(copy: CopyLife, answer: HttpAnswer) -> str | None:
    """Say that another program answers at the copy's address; None where no other pid is told.

    A copy of an earlier version tells no pid; `code-current` says that it is of other code.
    """
    told = answer.body.get("pid") if isinstance(answer.body, Mapping) else None
    if told is None or told in (copy.pid, copy.heartbeat_pid):
        return None
    answers = f"{copy.label}: pid {told} answers at {copy.url}"
    return f"{answers}, and the copy is pid {copy.pid}: something else has its port"


@dataclass(frozen=True)
class Liveness:
    """Every copy that the driver keeps or that ever reported, and whether the driver answers."""

    copies: tuple[CopyLife, ...]
    driver_answers: bool
    driver_error: str | None = None

    def of(self, *processes: str) -> tuple[CopyLife, ...]:
        """Return the copies of these processes, without ended ones of an earlier number."""
        mine = [copy for copy in self.copies if copy.process in processes]
        return tuple(copy for copy in mine if copy.state != "ended")

    def fresh(self, limit_ms: int = FRESH_MS) -> tuple[CopyLife, ...]:
        """Return every copy that reported within the limit, known to the driver or not."""
        return tuple(copy for copy in self.copies if copy.fresh(limit_ms))

    def in_state(self, *states: CopyState) -> tuple[CopyLife, ...]:
        """Return the copies in these states."""
        return tuple(copy for copy in self.copies if copy.state in states)

    @property
    def troubles(self) -> list[str]:
        """Say what the sources disagree about; one line alone for a driver that does not answer."""
        if not self.driver_answers:
            return [f"the driver does not answer: {self.driver_error}"]
        return [copy.trouble for copy in self.copies if copy.trouble]


def not_running(life: Liveness, processes: Iterable[str], copies: int) -> list[str]:
    """Name each copy of these processes that should run and does not.

    `copies` is the environment's number for each process: one running copy says nothing of the
    others, and one that the driver does not keep at all is missing.
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
        if copy.trouble is not None:
            yield copy.trouble
        elif copy.state != "running":
            yield f"{copy.label}: {copy.driver_state}, expected running"


def liveness(read: Read) -> Liveness:
    """Ask both sources and merge what they say. Raises `Unreachable` without `control`."""
    try:
        kept: tuple[Copy, ...] = tuple(read.copies())
        error = None
    except Unreachable as fault:
        kept, error = (), fault.message
    rows = read.rows("facts_service_copies", database="control")
    beats = {(str(row["process"]), int(row["copy"])): row for row in rows}
    return Liveness(tuple(_merged(kept, beats, answers=error is None)), error is None, error)


def _merged(kept: tuple[Copy, ...], beats: _Beats, *, answers: bool) -> Iterator[CopyLife]:
    known = {(copy.process, copy.number): copy for copy in kept}
    for key in [*known, *(key for key in beats if key not in known)]:
        copy, beat = known.get(key), beats.get(key)
        yield CopyLife(
            process=key[0],
            number=key[1],
            driver_answers=answers,
            driver_state=copy.state if copy else None,
            pid=(copy.pid if copy else 0) or (int(beat["pid"]) if beat else 0),
            url=copy.url if copy else str(beat["url"]) if beat else "",
            heartbeat_pid=int(beat["pid"]) if beat else None,
            heartbeat_url=str(beat["url"]) if beat else None,
            heartbeat_age_ms=int(beat["heartbeat_age_ms"]) if beat else None,
            acknowledged_epoch=int(beat["acknowledged_epoch"]) if beat else None,
            version=str(beat["version"]) if beat else None,
            ended=bool(beat["ended"]) if beat else False,
            heartbeat_code=beat.get("code") if beat else None,
        )
