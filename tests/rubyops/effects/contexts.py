"""Contexts for effects that a test carries out directly, without the engine."""

from collections.abc import Callable
from dataclasses import dataclass, field

from rubyops.effects.base import EffectContext
from rubyops.model.finding import Finding, passed
from rubyops.ports import CheckRunner, EffectIdentity
from rubyops.stop_signal import StopSignal
from rubyops.testing.reading import StillRead

IDENTITY = EffectIdentity("r-1/step/1", "r-1", 7, "ann")


def _holds(name: str) -> Finding:
    return passed(f"{name} holds")


@dataclass
class Around:
    """Makes contexts, and records what effects report to them.

    A test replaces the part that must fail.
    """

    check: CheckRunner = _holds
    hold: Callable[[], None] = lambda: None
    stop: StopSignal = field(default_factory=StopSignal)
    read: StillRead = field(default_factory=StillRead)
    progress: list[str] = field(default_factory=list)
    taken_over: list[str] = field(default_factory=list)

    def context(self) -> EffectContext:
        """Make the context."""
        return EffectContext(
            IDENTITY,
            self.read,
            self.check,
            self.stop,
            self.progress.append,
            self.hold,
            self.taken_over.append,
        )
