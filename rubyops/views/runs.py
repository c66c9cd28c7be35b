"""Past runs, read from their journals: the list, one run, and whether journals are sound."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, get_args

from rubyops.engine.journal.history import History
from rubyops.engine.journal.lines import (
    Content,
    EffectEnded,
    EffectIntended,
    LockTaken,
    RunFinished,
    RunResumed,
    StepFinished,
)
from rubyops.engine.journal.reading import Reading
from rubyops.engine.journal.store import Journals
from rubyops.model.json_object import JsonObject
from rubyops.model.recorded import short_commit
from rubyops.model.status import Status
from rubyops.views.view import ISO_TIME, TO_THE_SECOND, Item, View, any_failed

ENDED: Mapping[str, Status] = {"finished": "ok", "planned": "noop", "failed": "failed"}
NOTHING_TO_RESUME = ("finished", "planned")


class JournalReader(Protocol):
    """The read-only functions of the engine for journals."""

    @property
    def journals(self) -> Journals:
        """The journals of the environment."""

    def reading(self, run_id: str) -> Reading:
        """Read a run's journal, even a damaged one. Raises `UsageError` for an unknown run."""

    def faults(self, run_id: str) -> list[str]:
        """List the faults of a journal, also against its anchor. Raises `Unreachable`."""

    def ahead(self, run_id: str) -> int:
        """Count the lines that `control` has not seen, or saw too late. Raises `Unreachable`."""


@dataclass(frozen=True)
class DamageFacts:
    """The faults of a journal that is too damaged to tell its run."""

    faults: tuple[str, ...]


@dataclass(frozen=True)
class RunFacts:
    """One run; `exit_code` is None for a run that has not ended."""

    started_at: datetime = field(metadata=TO_THE_SECOND)
    exit_code: int | None
    who: str
    dry_run: bool
    commits: tuple[str, ...]
    faults: tuple[str, ...]


@dataclass(frozen=True)
class RunsView(View):
    """Runs, newest first. The status of a run is its end, or `unknown` for a damaged journal."""

    schema = "rubyops.runs/v1"
    runs: tuple[Item[RunFacts | DamageFacts], ...]

    @property
    def results(self) -> tuple[Item[RunFacts | DamageFacts], ...]:
        """One item for each shown run."""
        return self.runs


def read_runs(reader: JournalReader, limit: int) -> RunsView:
    """List the newest runs, at most `limit`. Raises `UsageError` for an unreadable folder."""
    newest = reversed(reader.journals.runs()[-limit:])
    return RunsView(tuple(run_item(reader.reading(run_id)) for run_id in newest))


def run_item(reading: Reading) -> Item[RunFacts | DamageFacts]:
    """Return one run as an item of a list."""
    run_id, history = reading.run_id, reading.history
    if history is None:
        return Item(run_id, "?", "unknown", reading.trouble, DamageFacts(reading.faults))
    ended: Status = "unknown" if reading.faults else ENDED.get(history.state, "unknown")
    words = f"{history.state}; {reading.trouble}" if reading.faults else history.state
    return Item(run_id, history.playbook.name, ended, words, _facts(history, reading.faults))


def _facts(history: History, faults: tuple[str, ...]) -> RunFacts:
    return RunFacts(
        datetime.fromisoformat(history.started_at),
        history.exit_code,
        history.who,
        history.dry_run,
        history.commits,
        faults,
    )


@dataclass(frozen=True)
class Moment:
    """One line of a journal in words. The line of an effect is indented below its step."""

    at: datetime
    words: str


@dataclass(frozen=True)
class DamagedRun:
    """A run whose journal is too damaged to tell more than its faults."""

    id: str
    faults: tuple[str, ...]


@dataclass(frozen=True)
class RunHead:
    """The playbook, the start and the state of a run, and the faults of its journal."""

    id: str
    faults: tuple[str, ...]
    playbook: str
    started_at: datetime = field(metadata=ISO_TIME)
    state: str


@dataclass(frozen=True)
class RunView(View):
    """One run. `headline` is None for a journal that is too damaged.

    `newer` is a warning that a later version of rubyops wrote the journal, or empty. `next_line` is
    the command to type next.
    """

    schema = "rubyops.run/v1"
    headline: str | None
    head: RunHead | DamagedRun
    steps: tuple[Item[JsonObject], ...]
    moments: tuple[Moment, ...]
    newer: str
    next_line: str | None

    @property
    def results(self) -> tuple[Item[JsonObject], ...]:
        """One item for each step in the journal."""
        return self.steps

    @property
    def beside(self) -> Mapping[str, object]:
        """The head of the run."""
        return {"run": self.head}


def read_run(reader: JournalReader, environment: str, run_id: str) -> RunView:
    """Return the view of one run. Raises `UsageError` for an unknown run."""
    reading = reader.reading(run_id)
    history = reading.history
    return RunView(
        None if history is None else _headline(run_id, history),
        _head(reading),
        tuple(_steps(history)),
        tuple(moments(reading)),
        reading.chain.newer,
        _next_line(reading, environment),
    )


def moments(reading: Reading) -> Iterator[Moment]:
    """Put those lines of a journal into words that a person wants to see."""
    for line in reading.chain.lines:
        words = _words(line.content)
        if words:
            yield Moment(line.at, words)


def _headline(run_id: str, history: History) -> str:
    commits = " and ".join(short_commit(commit) for commit in history.commits)
    by = f"by {history.who} on {history.host}"
    return f"{run_id} {history.playbook.title} · {history.state} · {by} · commit {commits}"


def _head(reading: Reading) -> RunHead | DamagedRun:
    history = reading.history
    if history is None:
        return DamagedRun(reading.run_id, reading.faults)
    started_at = datetime.fromisoformat(history.started_at)
    name, state = history.playbook.name, history.state
    return RunHead(reading.run_id, reading.faults, name, started_at, state)


def _steps(history: History | None) -> Iterator[Item[JsonObject]]:
    for name, record in history.steps.items() if history else ():
        yield Item(name, name, _status(record.status), record.summary, record.details)


def _status(word: str | None) -> Status:
    known: Mapping[str, Status] = {status: status for status in get_args(Status)}
    return known.get(word or "", "unknown")


def _next_line(reading: Reading, environment: str) -> str | None:
    if reading.faults:
        return f"rubyops runs verify {reading.run_id} -e {environment}"
    history = reading.history
    if history is None or history.state in NOTHING_TO_RESUME:
        return None
    return f"rubyops runs resume {reading.run_id} -e {environment}"


def _words(content: Content | None) -> str:
    """Put a line of a journal into words; empty for a line that is not shown."""
    words = ""
    match content:
        case EffectIntended(effect_id=effect_id, words=planned):
            words = f"  intent   {_short(effect_id)} {planned}"
        case EffectEnded(effect_id=effect_id, status=status, summary=summary):
            words = f"  outcome  {_short(effect_id)} {status}: {summary}"
        case StepFinished(step=step, status=status, summary=summary):
            words = f"step {step}: {status}: {summary}"
        case LockTaken(token=token):
            words = f"lock taken under token {token}"
        case RunResumed(pid=pid):
            words = f"resumed by process {pid}"
        case RunFinished(state=state, exit_code=code):
            words = f"run {state}, exit {code}"
    return words


def _short(effect_id: str) -> str:
    return f"{effect_id.partition('/')[2]:28}"


@dataclass(frozen=True)
class SoundnessFacts:
    """The faults of a journal, and how many of its lines `control` did not see in time."""

    faults: tuple[str, ...]
    ahead: int


@dataclass(frozen=True)
class JournalsView(View):
    """Journals, and whether each of them is sound."""

    schema = "rubyops.journals/v1"
    journals: tuple[Item[SoundnessFacts], ...]

    @property
    def results(self) -> tuple[Item[SoundnessFacts], ...]:
        """One item for each journal."""
        return self.journals

    @property
    def verdict(self) -> Status:
        """`failed` when one journal is not sound."""
        return any_failed(self.journals)


def verify_journals(
    reader: JournalReader, run_ids: Sequence[str]
) -> Iterator[Item[SoundnessFacts]]:
    """Verify journals one by one. Raises `Unreachable`, and `UsageError` for an unknown run."""
    for run_id in run_ids:
        faults = tuple(reader.faults(run_id))
        ahead = 0 if faults else reader.ahead(run_id)
        words = "; ".join(faults) or _sound(ahead)
        yield Item(
            run_id, run_id, "failed" if faults else "ok", words, SoundnessFacts(faults, ahead)
        )


def _sound(ahead: int) -> str:
    if not ahead:
        return "sound"
    lines = f"{ahead} line{'s' if ahead > 1 else ''}"
    return f"sound; control did not see {lines} in time, and nothing in there is believed"
