"""Past runs as their journals tell them: the list, one run, and whether journals are sound."""

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
    """The part of the engine that reads journals back and changes nothing."""

    @property
    def journals(self) -> Journals:
        """The journals of the environment."""

    def reading(self, run_id: str) -> Reading:
        """Read a run back, damaged or not. Raises `UsageError` for a run that is not there."""

    def faults(self, run_id: str) -> list[str]:
        """Say what is wrong with a journal, by itself and by its anchor. Raises `Unreachable`."""

    def ahead(self, run_id: str) -> int:
        """Count the lines that control did not see in time. Raises `Unreachable`."""


@dataclass(frozen=True)
class DamageFacts:
    """A journal that tells no run."""

    faults: tuple[str, ...]


@dataclass(frozen=True)
class RunFacts:
    """One run; `exit_code` is None for one that has not ended."""

    started_at: datetime = field(metadata=TO_THE_SECOND)
    exit_code: int | None
    who: str
    dry_run: bool
    commits: tuple[str, ...]
    faults: tuple[str, ...]


@dataclass(frozen=True)
class RunsView(View):
    """Runs, newest first. The status of a run says how it ended; damage makes it `unknown`."""

    schema = "rubyops.runs/v1"
    runs: tuple[Item[RunFacts | DamageFacts], ...]

    @property
    def results(self) -> tuple[Item[RunFacts | DamageFacts], ...]:
        """Every run that is shown."""
        return self.runs


def read_runs(reader: JournalReader, limit: int) -> RunsView:
    """List the newest runs, at most this many. Raises `UsageError` for an unreadable folder."""
    newest = reversed(reader.journals.runs()[-limit:])
    return RunsView(tuple(run_item(reader.reading(run_id)) for run_id in newest))


def run_item(reading: Reading) -> Item[RunFacts | DamageFacts]:
    """Show one run as a part of a list."""
    run_id, history = reading.run_id, reading.history
    if history is None:
        return Item(run_id, "?", "unknown", reading.trouble, DamageFacts(reading.faults))
    facts = RunFacts(
        datetime.fromisoformat(history.started_at),
        history.exit_code,
        history.who,
        history.dry_run,
        history.commits,
        reading.faults,
    )
    ended: Status = "unknown" if reading.faults else ENDED.get(history.state, "unknown")
    words = f"{history.state}; {reading.trouble}" if reading.faults else history.state
    return Item(run_id, history.playbook.name, ended, words, facts)


@dataclass(frozen=True)
class Moment:
    """One line of a journal in words; a line of an effect is indented below its step."""

    at: datetime
    words: str


@dataclass(frozen=True)
class DamagedRun:
    """A run whose journal does not tell what it was."""

    id: str
    faults: tuple[str, ...]


@dataclass(frozen=True)
class RunHead:
    """A run's playbook, start and state."""

    id: str
    faults: tuple[str, ...]
    playbook: str
    started_at: datetime = field(metadata=ISO_TIME)
    state: str


@dataclass(frozen=True)
class RunView(View):
    """One run. `newer` says that a later version wrote in its journal, `next_line` how to go on.

    `headline` is None where the journal does not tell it.
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
        """Every step that the journal tells of."""
        return self.steps

    @property
    def beside(self) -> Mapping[str, object]:
        """The run itself."""
        return {"run": self.head}


def read_run(reader: JournalReader, environment: str, run_id: str) -> RunView:
    """Show one run of this environment. Raises `UsageError` for a run that is not there."""
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
    """Say the lines of a journal that a person asks for."""
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
    """Say a line of a journal; empty for one that is not shown."""
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
    """Faults of a journal, and how many of its lines control did not see in time."""

    faults: tuple[str, ...]
    ahead: int


@dataclass(frozen=True)
class JournalsView(View):
    """Journals and whether each is sound."""

    schema = "rubyops.journals/v1"
    journals: tuple[Item[SoundnessFacts], ...]

    @property
    def results(self) -> tuple[Item[SoundnessFacts], ...]:
        """Every journal."""
        return self.journals

    @property
    def verdict(self) -> Status:
        """Failed when one journal is not sound."""
        return any_failed(self.journals)


def verify_journals(
    reader: JournalReader, run_ids: Sequence[str]
) -> Iterator[Item[SoundnessFacts]]:
    """Judge these journals one after another. Raises `Unreachable`, and `UsageError` for no run."""
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
