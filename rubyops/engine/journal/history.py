"""Folds a run's journal into its state: the steps that are done, and the effect in doubt."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from msgspec import UNSET

from rubyops.effects.base import AnyEffect
from rubyops.engine.effect_data import from_data
from rubyops.engine.journal.chain import lines_ahead
from rubyops.engine.journal.lines import (
    EffectEnded,
    EffectIntended,
    Line,
    LockTaken,
    RunFinished,
    RunResumed,
    RunStarted,
    StepFinished,
    StepPlanned,
    StepStarted,
)
from rubyops.engine.journal.stored_playbook import StoredPlaybook
from rubyops.errors import Refused
from rubyops.model.json_object import JsonObject

DONE = ("ok", "noop")
NOT_DONE = ("failed", "refused", "inconclusive")
INTERRUPTED = "interrupted"
StepContent = StepStarted | StepPlanned | EffectIntended | EffectEnded | StepFinished


class Remaining(NamedTuple):
    """The effects of a step that are still to do, and whether the first of them is in doubt."""

    number: int
    effects: tuple[AnyEffect, ...]
    in_doubt: bool


@dataclass(frozen=True)
class StepRecord:
    """One step so far. Its effects are numbered from 1 and never renumbered.

    `effects` are those planned last, from the number `first` on; `last` is the highest number used.
    """

    status: str | None = None
    summary: str = ""
    details: JsonObject = field(default_factory=dict)
    effects: tuple[JsonObject, ...] = ()
    first: int = 1
    intents: frozenset[int] = frozenset()
    outcomes: Mapping[int, str] = field(default_factory=dict)
    last: int = 0

    @property
    def done(self) -> bool:
        """Whether the step needs nothing more."""
        return self.status in DONE

    def remaining(self) -> Remaining | None:
        """Return the effects to go on with, or None to plan the step afresh.

        A step that has begun goes on with the effects it had. One of which an effect surely failed
        is planned anew, under new numbers, because the world that it failed in is what has to
        change first.
        """
        for offset in range(len(self.effects)):
            number = self.first + offset
            outcome = self.outcomes.get(number)
            if outcome in DONE:
                continue
            begun = number in self.intents
            if outcome in NOT_DONE or (number == self.first and not begun):
                return None
            return Remaining(number, tuple(map(from_data, self.effects[offset:])), begun)
        return Remaining(self.last + 1, (), in_doubt=False) if self.effects else None


@dataclass(frozen=True)
class History:
    """A run as its journal tells it.

    `began_under` is the freeze level and epoch of its start, where told; `commits` are those that
    wrote in it, in order; `changed` says whether an effect of it ever began.
    """

    run_id: str
    playbook: StoredPlaybook
    dry_run: bool
    started_at: str
    who: str
    host: str
    steps: Mapping[str, StepRecord] = field(default_factory=dict)
    state: str = INTERRUPTED
    exit_code: int | None = None
    began_under: tuple[str, int] | None = None
    changed: bool = False
    commits: tuple[str, ...] = ()


def read_history(lines: Sequence[Line], *, anchored: int | None = None) -> History:
    """Fold a journal's lines into the state that a resume and `runs show` need.

    `anchored` is the newest line that control has seen: of later ones the numbers of intents alone
    are believed. None believes the file, but for the lines that a resume found ahead of its anchor.
    Raises `Refused` for a journal that does not begin as one.
    """
    ahead = lines_ahead(lines, anchored)
    history = _begin(lines)
    for line in lines[1:]:
        history = fold(history, line, seen=line.seq not in ahead)
    return history


def _begin(lines: Sequence[Line]) -> History:
    first = lines[0] if lines else None
    if first is None or not isinstance(first.content, RunStarted):
        raise Refused(
            "the journal does not begin with the start of a run; nothing can be resumed from it"
        )
    started = first.content
    return History(
        run_id=first.run,
        playbook=started.playbook,
        dry_run=started.dry_run,
        started_at=first.time,
        who=first.who,
        host=first.host,
        commits=(first.commit,),
    )


def fold(history: History, line: Line, *, seen: bool = True) -> History:
    """Return the history after one more line.

    Of a line that control has not `seen` an intent alone counts: its effect may have been done
    before the anchor could follow, so it is in doubt, and its number is used up.
    """
    content = line.content
    if line.commit not in history.commits:
        history = replace(history, commits=(*history.commits, line.commit))
    if not seen and not isinstance(content, EffectIntended):
        return history
    match content:
        case RunResumed():
            return replace(history, state=INTERRUPTED, exit_code=None)
        case RunFinished():
            return replace(history, state=content.state, exit_code=content.exit_code)
        case LockTaken():
            return _begun_under(history, content)
        case StepStarted() | StepPlanned() | EffectIntended() | EffectEnded() | StepFinished():
            return _with_step(history, content)
    return history


def _begun_under(history: History, taken: LockTaken) -> History:
    level, epoch = taken.freeze_level, taken.freeze_epoch
    if history.began_under is not None or level is UNSET or epoch is UNSET:
        return history
    return replace(history, began_under=(level, epoch))


def _with_step(history: History, content: StepContent) -> History:
    record = history.steps.get(content.step, StepRecord())
    steps = {**history.steps, content.step: _after(record, content)}
    changed = history.changed or isinstance(content, EffectIntended)
    return replace(history, steps=steps, changed=changed)


def _after(record: StepRecord, content: StepContent) -> StepRecord:
    match content:
        case StepPlanned():
            return replace(record, effects=content.effects, first=content.first)
        case EffectIntended(number=number):
            outcomes = {key: told for key, told in record.outcomes.items() if key != number}
            intents = record.intents | {number}
            last = max(record.last, number)
            return replace(record, intents=intents, outcomes=outcomes, last=last)
        case EffectEnded():
            return replace(record, outcomes={**record.outcomes, content.number: content.status})
        case StepFinished():
            status, summary, details = content.status, content.summary, content.details
            return replace(record, status=status, summary=summary, details=details)
    return record
