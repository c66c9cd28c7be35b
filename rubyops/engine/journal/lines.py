"""The lines of a journal: a frozen struct for the content of each type, under one envelope.

A line outlives the version that wrote it. A field that readers rely on is required; a field that
came later, or that no reader asks for, may be missing, and is still of its type where it stands.
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, get_args

from msgspec import UNSET, Meta, Struct, UnsetType

from rubyops.engine.journal.stored_playbook import StoredPlaybook
from rubyops.model.json_object import JsonObject

GENESIS = "0" * 64  # stands for the hash of the line before the first
FORMAT = 1  # the newest version of the line format; a line without `v` is of the first

StepRow = tuple[str, str, str]  # a step's id, status and summary


class _Content(Struct, frozen=True, kw_only=True, tag_field="type"):
    """The fields that a line has because of its type."""


class RunStarted(_Content, frozen=True, tag="run_started"):
    """A run begins, with all that a resume needs of its playbook."""

    playbook: StoredPlaybook
    dry_run: bool
    pid: int = 0


class RunResumed(_Content, frozen=True, tag="run_resumed"):
    """Another process goes on; `anchored` is the newest line that control had seen by then."""

    pid: int
    anchored: int
    plan_digest: str = ""
    bytes_dropped: int = 0


class PlanShown(_Content, frozen=True, tag="plan"):
    """The plan that a person was shown."""

    plan_digest: str = ""
    steps: tuple[StepRow, ...] = ()


class DryRunEnded(_Content, frozen=True, tag="dry_run"):
    """A dry-run's results, and the proof that looking wrote nothing."""

    plan_digest: str = ""
    proof: JsonObject = {}
    results: tuple[StepRow, ...] = ()


class LockTaken(_Content, frozen=True, tag="lock_taken"):
    """The run took the lock, under this freeze. The first versions kept the token alone."""

    token: int
    freeze_epoch: int | UnsetType = UNSET
    freeze_level: str | UnsetType = UNSET


class StepStarted(_Content, frozen=True, tag="step_started"):
    """A step begins, or is gone on with."""

    step: str


class StepPlanned(_Content, frozen=True, tag="step_planned"):
    """The effects that a step is to have, in order; the first has the number `first`."""

    step: str
    first: int
    effects: tuple[JsonObject, ...]
    facts: JsonObject = {}
    reason: str = ""


class EffectIntended(_Content, frozen=True, tag="intent"):
    """An effect is about to begin; `guard` marks the freeze that a broken invariant raises."""

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
    """A result that later runs and gates may count."""

    suite: str
    result: JsonObject


class RunFinished(_Content, frozen=True, tag="run_finished"):
    """The end of a run; `freeze` says the truth of the money in words."""

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
    """The writer of a journal, its host and commit: the same on every line of a process."""

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
    """The envelope of a run's first line, which must tell whose run it is."""

    who: str
    host: str
    commit: str


class Line(Envelope, frozen=True, kw_only=True):
    """A line as it was read; `digest` is the hash of all that stands in the file.

    `content` is None where the type, or the version of the format, came later than this one.
    """

    content: Content | None
    digest: str

    @property
    def at(self) -> datetime:
        """The moment at which it was written."""
        return datetime.fromisoformat(self.time)


def line_hash(line: Mapping[str, object]) -> str:
    """Hash a line's content and its link to the line before."""
    content = {name: value for name, value in line.items() if name != "hash"}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
