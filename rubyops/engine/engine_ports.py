"""The ports of the engine for one environment, and commands and checks by name."""

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
    """The fence around acts on the environment (ADR 15)."""

    def advance(self, token: int) -> None:
        """Have the supervisor and the operated database refuse every lower token.

        Raises `LockLost`, and `TimedOut` while an act holds the fence.
        """

    def holders(self) -> str:
        """Name the sessions that hold the fence, in words."""


class Guard(Protocol):
    """The invariants that must hold before and after a changing step."""

    def first_broken(self) -> tuple[str, Finding] | None:
        """Return the first that does not hold, with its finding. Raises `Unreachable`."""

    def brake(self, name: str, finding: Finding) -> AnyEffect | None:
        """Return the effect that stops further harm at once, or None where none is wanted."""


@dataclass(frozen=True)
class EnginePorts:
    """The ports and registries that bootstrap hands to the engine.

    `port_of` returns the port that carries an effect out. `proof` returns what shows that reading
    wrote nothing, or raises `WriteAttempted`. `freeze` says what is in force and never raises.
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
        """Carry an effect out through its port: the only place where a run changes anything."""
        return effect.carry_out(self.port_of(effect), context)
