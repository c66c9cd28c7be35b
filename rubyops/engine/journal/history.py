"""Reads a run's own journal back: what was asked, which steps are done, and which effect is in doubt."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from rubyops.engine.effect_data import from_data
from rubyops.errors import Refused
from rubyops.model.effect import Effect
from rubyops.model.step import Command, Playbook, Step

DONE = ("ok", "noop")
NOT_DONE = ("failed", "refused", "inconclusive")
OF_A_STEP = ("step_started", "step_planned", "intent", "outcome", "step_finished")


@dataclass
class StepRecord:
    """What the journal knows of one step. Effects are numbered from 1 within the step and never renumbered."""

    status: str | None = None
    summary: str = ""
    details: dict[str, Any] = field(default_factory=dict)
    effects: list[dict[str, Any]] = field(default_factory=list)
    first: int = 1
    intents: set[int] = field(default_factory=set)
    outcomes: dict[int, str] = field(default_factory=dict)
    last: int = 0

    @property
    def done(self) -> bool:
        """Whether the step needs nothing more."""
        return self.status in DONE

    def remaining(self) -> tuple[int, list[Effect], bool] | None:
        """Return (number of the first, effects still to do, whether the first is in doubt), or None to plan afresh.

        A step that has begun goes on with the effects it had. One of which an effect surely failed is planned anew, under
        new numbers, because the world that it failed in is what has to change first.
        """
        for offset in range(len(self.effects)):
            number = self.first + offset
            outcome = self.outcomes.get(number)
            if outcome in DONE:
                continue
            if outcome in NOT_DONE or (number == self.first and number not in self.intents):
                return None
            return (
                number,
                [from_data(item) for item in self.effects[offset:]],
                number in self.intents,
            )
        return (self.last + 1, [], False) if self.effects else None


@dataclass
class History:
    """A run as its journal tells it. `began_under` is the freeze level and epoch of its start, where told."""

    run_id: str
    started: dict[str, Any]
    steps: dict[str, StepRecord]
    state: str
    exit_code: int | None
    began_under: tuple[str, int] | None
    changed: bool
    commits: tuple[str, ...] = ()


def read_history(lines: Sequence[dict[str, Any]], *, anchored: int | None = None) -> History:
    """Fold a journal's lines into what a resume and `runs show` need.

    `anchored` is the newest line that control has seen: of later ones the numbers of intents alone are believed. None
    believes the file, but for what a resume found ahead of its anchor.
    """
    if not lines or lines[0].get("type") != "run_started":
        raise Refused(
            "the journal does not begin with the start of a run; nothing can be resumed from it"
        )
    commits = tuple(dict.fromkeys(str(line.get("commit")) for line in lines))
    history = History(
        lines[0]["run"], lines[0], {}, "interrupted", None, None, changed=False, commits=commits
    )
    ahead = lines_ahead(lines, anchored)
    for line in lines[1:]:
        if line["seq"] not in ahead:
            _fold(history, line)
        elif line["type"] == "intent":
            # Its effect may have been done before the anchor could follow: in doubt, and its number
            # is used up.
            _fold_step(history, history.steps.setdefault(line["step"], StepRecord()), line)
    return history


def lines_ahead(lines: Sequence[dict[str, Any]], anchored: int | None) -> set[int]:
    """Return the numbers of the lines that control had not seen at a resume, or has not seen yet.

    A kill between a line and its anchor leaves one such line, a silent control a few; a forger can
    leave any.
    """
    found = {line["seq"] for line in lines if anchored is not None and line["seq"] > anchored}
    for index in range(len(lines) - 1, -1, -1):
        line = lines[index]
        # Newest first: a resume that was itself ahead says nothing of the lines before it.
        if line["type"] == "run_resumed" and line["seq"] not in found:
            found |= {
                earlier["seq"] for earlier in lines[:index] if earlier["seq"] > line["anchored"]
            }
    return found


def _fold(history: History, line: dict[str, Any]) -> None:
    kind = line["type"]
    if kind == "run_resumed":
        history.state, history.exit_code = "interrupted", None
    elif kind == "run_finished":
        history.state, history.exit_code = line["state"], line["exit_code"]
    elif kind == "lock_taken" and history.began_under is None:
        if (
            "freeze_level" in line and "freeze_epoch" in line
        ):  # the first versions kept the token alone
            history.began_under = (line["freeze_level"], line["freeze_epoch"])
    elif kind in OF_A_STEP:
        _fold_step(history, history.steps.setdefault(line["step"], StepRecord()), line)


def _fold_step(history: History, record: StepRecord, line: dict[str, Any]) -> None:
    match line["type"]:
        case "step_planned":
            record.effects, record.first = line["effects"], line["first"]
        case "intent":
            history.changed = True
            record.last = max(record.last, line["number"])
            record.intents.add(line["number"])
            record.outcomes.pop(line["number"], None)
        case "outcome":
            record.outcomes[line["number"]] = line["status"]
        case "step_finished":
            record.status, record.summary, record.details = (
                line["status"],
                line["summary"],
                line["details"],
            )


def describe_playbook(playbook: Playbook) -> dict[str, Any]:
    """Turn a playbook into what the journal keeps of it, enough to go on without its file."""
    steps = [
        {
            "id": step.id, "title": step.title, "kind": step.kind, "name": step.name, "line": step.line,
            "covers": list(step.covers), "params": msgspec.to_builtins(step.params) if step.params is not None else None,
        }
        for step in playbook.steps
    ]  # fmt: skip
    return {
        "name": playbook.name, "title": playbook.title, "kind": playbook.kind, "source": playbook.source,
        "parameters": playbook.parameters, "steps": steps,
    }  # fmt: skip


def restore_playbook(data: dict[str, Any], command: Callable[[str], Command[Any]]) -> Playbook:
    """Rebuild the playbook that a journal began with, typed by today's commands."""
    steps = tuple(_restore_step(item, command) for item in data["steps"])
    return Playbook(
        data["name"], data["title"], data["kind"], steps, data["parameters"], data["source"]
    )


def _restore_step(item: dict[str, Any], command: Callable[[str], Command[Any]]) -> Step:
    params = (
        msgspec.convert(item["params"], command(item["name"]).params)
        if item["kind"] == "command"
        else None
    )
    return Step(
        item["id"],
        item["title"],
        item["kind"],
        item["name"],
        params,
        tuple(item["covers"]),
        item["line"],
    )
