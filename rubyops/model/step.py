"""Commands, checks, and the playbooks that are made of them."""

from collections.abc import Callable
from dataclasses import MISSING, dataclass, field
from typing import Any, Generic, Literal, TypeVar

from rubyops.effects.base import AnyEffect
from rubyops.model.finding import Finding
from rubyops.model.kinds import PlaybookKind
from rubyops.ports import EnvironmentFacts, Read

P = TypeVar("P")
StepKind = Literal["command", "check"]
COMMAND_LINE = "the command line"  # the source of a playbook that is one command typed by hand


def option(text: str, default: Any = MISSING) -> Any:
    """Declare a field of a command's Params with the help text of its option.

    Without a default it is required.
    """
    return field(default=default, metadata={"help": text})


@dataclass(frozen=True)
class NoOp:
    """Nothing to do, and the sentence that says why."""

    reason: str


@dataclass(frozen=True)
class Planned:
    """The effects a step wants, in order, and the facts a person should see beside them."""

    effects: tuple[AnyEffect, ...]
    facts: dict[str, object]


@dataclass(frozen=True)
class Command(Generic[P]):
    """A step that may change something: typed parameters, and a pure function to effects.

    `plan` raises `Refused` where a guard forbids the step. `undo` is the command line that takes it
    back. `records` names the suite under which a dry-run's facts, and a whole rollout's result, are
    kept for this commit (`Read.results`).
    """

    name: str
    params: type[P]
    plan: Callable[[P, Read], Planned | NoOp]
    undo: str | None = None
    guard_money: bool = True
    unplannable: str | None = None
    records: Callable[[P, EnvironmentFacts], str] | None = None


FindCommand = Callable[[str], Command[Any]]


@dataclass(frozen=True)
class Check:
    """A question about the environment that changes nothing. `ids` are source lines it answers."""

    name: str
    title: str
    ids: tuple[str, ...]
    run: Callable[[Read], Finding]


@dataclass(frozen=True)
class Step:
    """One step of a loaded playbook: a command with its parameters, or a check.

    `line` is its place in the file.
    """

    id: str
    title: str
    kind: StepKind
    name: str
    params: object
    covers: tuple[str, ...]
    line: int


@dataclass(frozen=True)
class Playbook:
    """A validated playbook. `parameters` are the values that filled the file's `${...}`."""

    name: str
    title: str
    kind: PlaybookKind
    steps: tuple[Step, ...]
    parameters: dict[str, object]
    source: str
