"""The types of journal lines: a frozen struct for the content of each, and the common envelope.

Later versions of rubyops read old journals. A field that readers need is required. A field that was
added later, or that no reader needs, has a default; if it is present, its type is still checked.
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, get_args

from msgspec import UNSET, Meta, Struct, UnsetType

from rubyops.engine.journal.stored_playbook import StoredPlaybook
from rubyops.model.json_object import JsonObject

GENESIS = "0" * 64  # the first line has this as the hash of its predecessor
FORMAT = 1  # the newest version of the line format; a line without `v` has version 1

StepRow = tuple[str, str, str]  # a step's id, status and summary


class _Content(Struct, frozen=True, kw_only=True, tag_field="type"):
    """Base class of the structs that hold the fields of one type of line."""


class RunStarted(_Content, frozen=True, tag="run_started"):
    """A run begins. The playbook is stored, so that a resume does not need its file."""

    playbook: StoredPlaybook
    dry_run: bool
    pid: int = 0


class RunResumed(_Content, frozen=True, tag="run_resumed"):
    """A process resumes the run; `anchored` is the number of the newest line in `control` then."""

    pid: int
    anchored: int
    plan_digest: str = ""
    bytes_dropped: int = 0


class PlanShown(_Content, frozen=True, tag="plan"):
    """The plan as the user saw it."""

    plan_digest: str = ""
    steps: tuple[StepRow, ...] = ()


class DryRunEnded(_Content, frozen=True, tag="dry_run"):
    """The results of a dry-run, and the proof that it wrote nothing to the databases."""

    plan_digest: str = ""
    proof: JsonObject = {}
    results: tuple[StepRow, ...] = ()


class LockTaken(_Content, frozen=True, tag="lock_taken"):
    """The run took the lock while this freeze applied. The first versions wrote only the token."""

    token: int
    freeze_epoch: int | UnsetType = UNSET
    freeze_level: str | UnsetType = UNSET


class StepStarted(_Content, frozen=True, tag="step_started"):
    """A step begins or is resumed."""

    step: str


class StepPlanned(_Content, frozen=True, tag="step_planned"):
    """The planned effects of a step, in order; the first has the number `first`."""

    step: str
    first: int
    effects: tuple[JsonObject, ...]
    facts: JsonObject = {}
    reason: str = ""


class EffectIntended(_Content, frozen=True, tag="intent"):
    """An effect is about to begin; `guard` marks a freeze because of a broken money invariant."""

    step: str
    number: int
    effect_id: str
    effect: JsonObject
    words: str
    token: int = 0
    guard: bool = False


class EffectEnded(_Content, frozen=True, tag="outcome"):
    """The outcome of an effect."""

    step: str
    number: int
    effect_id: str
    status: str
    summary: str
    details: JsonObject


class StepFinished(_Content, frozen=True, tag="step_finished"):
    """The result of a step."""

    step: str
    status: str
    summary: str
    details: JsonObject


class SuiteRecorded(_Content, frozen=True, tag="recorded"):
    """The result of a suite, for later runs and release gates."""

    suite: str
    result: JsonObject


class RunFinished(_Content, frozen=True, tag="run_finished"):
    """The end of a run; `freeze` is a sentence that names the freeze in force."""

    state: str
    exit_code: int
    message: str | None = None
    next_command: str | None = None
    freeze: str | None = None


class FreezeTakenOver(_Content, frozen=True, tag="freeze_taken_over"):
    """Another run took over the freeze of this one."""

    by_run: str = ""
    by: str = ""


Content = (
    RunStarted
    | RunResumed
    | PlanShown
    | DryRunEnded
    | LockTaken
    | StepStarted
    | StepPlanned
    | EffectIntended
    | EffectEnded
    | StepFinished
    | SuiteRecorded
    | RunFinished
    | FreezeTakenOver
)
BY_TYPE: Mapping[str, type[Content]] = {
    kind.__struct_config__.tag: kind for kind in get_args(Content)
}


class Origin(Struct, frozen=True, kw_only=True):
    """The run, and the user, host, commit and environment of the process that writes its lines."""

    run: str
    who: str = ""
    host: str = ""
    commit: str = ""
    environment: str = ""


class Envelope(Origin, frozen=True, kw_only=True):
    """The fields of every line; `v` is the version of the line format."""

    seq: int
    prev: str
    hash: str
    time: str
    type: str
    v: Annotated[int, Meta(ge=1)] = 1


class Opening(Envelope, frozen=True, kw_only=True):
    """The envelope of a run's first line, in which `who`, `host` and `commit` are required."""

    who: str
    host: str
    commit: str


class Line(Envelope, frozen=True, kw_only=True):
    """A parsed line; `digest` is the hash computed from the line's text.

    `content` is None if this version of rubyops does not know the line's type or format.
    """

    content: Content | None
    digest: str

    @property
    def is_unchanged(self) -> bool:
        """Whether the hash in the line fits its content."""
        return self.digest == self.hash

    @property
    def at(self) -> datetime:
        """The time at which the line was written."""
        return datetime.fromisoformat(self.time)


def line_hash(line: Mapping[str, object]) -> str:
    """Return the sha256 of a line's JSON without its own hash."""
    content = {name: value for name, value in line.items() if name != "hash"}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
