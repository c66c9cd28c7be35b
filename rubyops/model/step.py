"""Commands and checks, and the playbooks that consist of them."""

from collections.abc import Callable
from dataclasses import MISSING, dataclass, field
from typing import Any, Generic, Literal, TypeVar

from rubyops.effects.base import AnyEffect
from rubyops.model.finding import Finding
from rubyops.model.kinds import PlaybookKind
from rubyops.ports import EnvironmentFacts, Read

P = TypeVar("P")
StepKind = Literal["command", "check"]
COMMAND_LINE = "the command line"  # the `source` of a playbook for a single typed command


def option(text: str, default: Any = MISSING) -> Any:
    """Declare a field of a command's Params, with the help text of its option.

    An option without a default is required.
    """
    return field(default=default, metadata={"help": text})


@dataclass(frozen=True)
class NoOp:
    """The plan of a step that has nothing to do, with the reason as a sentence."""

    reason: str


@dataclass(frozen=True)
class Planned:
    """The effects of a step, in order, and the facts to show beside them."""

    effects: tuple[AnyEffect, ...]
    facts: dict[str, object]


@dataclass(frozen=True)
class Command(Generic[P]):
    """A step that may change something: typed parameters, and a function that plans effects.

    `plan` only reads; it raises `Refused` if a guard forbids the step. `undo` is the command line
    that reverts the step. With `guard_money` the money invariants are checked before and after it.
    `unplannable` is a sentence about the part that is known only when the step begins. `records`
    returns the suite under which the results of dry-runs and rollouts are recorded.
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
    """A question about the environment, which changes nothing.

    `ids` are the requirements that it covers, such as PRD-0.
    """

    name: str
    title: str
    ids: tuple[str, ...]
    run: Callable[[Read], Finding]


@dataclass(frozen=True)
class Step:
    """One step of a loaded playbook: a command with its parameters, or a check.

    `covers` are the requirements that it covers. `line` is its line in the playbook file.
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
    """A validated playbook; `parameters` are the values that replaced each `${name}`."""

    name: str
    title: str
    kind: PlaybookKind
    steps: tuple[Step, ...]
    parameters: dict[str, object]
    source: str
