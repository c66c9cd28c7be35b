"""Rebuilds the state of a run from the lines of its journal."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from msgspec import UNSET

from rubyops.effects.base import AnyEffect
from rubyops.engine.effect_data import from_data
from rubyops.engine.journal.chain import lines_ahead
from rubyops.engine.journal.lines import (
    Content,
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
    """The effects that a step still has to carry out; `number` is the number of the first.

    The first one is `in_doubt` if it has an intent and no certain outcome.
    """

    number: int
    effects: tuple[AnyEffect, ...]
    in_doubt: bool


@dataclass(frozen=True)
class StepRecord:
    """The progress of one step. Effects are numbered from 1, and no number is used twice.

    `effects` is the newest plan, and `first` is the number of its first effect. `intents` holds
    the numbers of begun effects, `outcomes` the status by number. `last` is the highest number.
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
        """Whether the step ended well, so that a resume skips it."""
        return self.status in DONE

    def remaining(self) -> Remaining | None:
        """Return the effects that a resume carries out, or None to plan the step anew.

        A step whose effects have begun goes on with them. A step with a failed effect is planned
        anew under new numbers, because the cause of the failure has to be fixed first, and the fix
        changes the facts.
        """
        for number in range(self.first, self.first + len(self.effects)):
            if self.outcomes.get(number) not in DONE:
                return self._remaining_from(number)
        return Remaining(self.last + 1, (), in_doubt=False) if self.effects else None

    def _remaining_from(self, number: int) -> Remaining | None:
        has_begun = number in self.intents
        if self.outcomes.get(number) in NOT_DONE or (number == self.first and not has_begun):
            return None
        return Remaining(number, self._effects_from(number), has_begun)

    def _effects_from(self, number: int) -> tuple[AnyEffect, ...]:
        return tuple(map(from_data, self.effects[number - self.first :]))


@dataclass(frozen=True)
class History:
    """The state of a run, rebuilt from its journal.

    `began_under` is the freeze level and epoch at the start, None if the journal lacks them.
    `commits` are the commits of rubyops that wrote the lines, in order. `changed` is True once an
    effect has begun.
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

    @property
    def level_at_start(self) -> str | None:
        """The freeze level at the start, None if the journal lacks it."""
        return self.began_under[0] if self.began_under is not None else None


def read_history(lines: Sequence[Line], *, anchored: int | None = None) -> History:
    """Rebuild the state of a run from its lines, for a resume and for `runs show`.

    `anchored` is the number of the newest line in `control`. Later lines may be forged, so only
    their intents count. With None all lines count, except lines that were newer than the anchor at
    an earlier resume. Raises `Refused` if the first line is not the start of a run.
    """
    ahead = lines_ahead(lines, anchored)
    history = _begin(lines)
    for line in lines[1:]:
        history = fold(history, line, seen=line.seq not in ahead)
    return history


def _begin(lines: Sequence[Line]) -> History:
    if not lines or not isinstance(lines[0].content, RunStarted):
        raise Refused(
            "the journal does not begin with the start of a run; nothing can be resumed from it"
        )
    return _started(lines[0], lines[0].content)


def _started(first: Line, started: RunStarted) -> History:
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

    If `control` has not `seen` the line, only an intent counts. Its effect may have been carried
    out before the anchor was written, so the effect is in doubt and its number is used up.
    """
    if line.commit not in history.commits:
        history = replace(history, commits=(*history.commits, line.commit))
    if not seen and not isinstance(line.content, EffectIntended):
        return history
    return _with_content(history, line.content)


def _with_content(history: History, content: Content | None) -> History:
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
        case EffectIntended():
            return _intended(record, content.number)
        case EffectEnded():
            return replace(record, outcomes={**record.outcomes, content.number: content.status})
        case StepFinished():
            return _finished(record, content)
    return record


def _finished(record: StepRecord, content: StepFinished) -> StepRecord:
    status, summary, details = content.status, content.summary, content.details
    return replace(record, status=status, summary=summary, details=details)


def _intended(record: StepRecord, number: int) -> StepRecord:
    """Add an intent, and remove the outcome of an earlier try of the same effect."""
    outcomes = {key: status for key, status in record.outcomes.items() if key != number}
    return replace(
        record,
        intents=record.intents | {number},
        outcomes=outcomes,
        last=max(record.last, number),
    )
