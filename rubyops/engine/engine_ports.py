"""The interfaces through which the engine reaches one environment, its commands and checks."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from rubyops.effects.base import AnyEffect, EffectContext, Outcome
from rubyops.model.finding import Finding
from rubyops.model.freeze import FreezeTruth
from rubyops.model.json_object import JsonObject
from rubyops.model.step import Command
from rubyops.ports import CheckRunner, Control, Read


class Fence(Protocol):
    """The fence, which makes servers refuse the acts of an overtaken run (ADR 15)."""

    def advance(self, token: int) -> None:
        """Make the supervisor and the operated database refuse every lower token.

        Raises `LockLost` if they know a higher token, and `TimedOut` while a session holds the
        fence.
        """

    def holders(self) -> str:
        """Return a text that names the sessions which hold the fence."""


class Guard(Protocol):
    """The money invariants, which are checked before and after a changing step."""

    def first_broken(self) -> tuple[str, Finding] | None:
        """Return the first broken invariant and its finding, or None. Raises `Unreachable`."""

    def brake(self, name: str, finding: Finding) -> AnyEffect | None:
        """Return the freeze to raise for a broken invariant; None if no freeze is needed."""


@dataclass(frozen=True)
class EnginePorts:
    """The ports of one environment, made by `rubyops.wiring`.

    `port_of` returns the port of an effect's family. `proof` returns figures which show that the
    reader wrote nothing, or raises `WriteAttempted`. `freeze` returns the freeze in force and never
    raises.
    """

    read: Read
    control: Control
    fence: Fence
    port_of: Callable[[AnyEffect], object]
    check: CheckRunner
    command: Callable[[str], Command[Any]]
    guard: Guard
    proof: Callable[[], JsonObject]
    freeze: Callable[[], FreezeTruth]

    def carry_out(self, effect: AnyEffect, context: EffectContext) -> Outcome:
        """Carry out an effect through its port. A run changes the environment nowhere else."""
        return effect.carry_out(self.port_of(effect), context)
