"""Effects: frozen values that name a change, say it in words and carry it out.

A command yields effects and executes none, so the preview and the run are the same code. The
engine carries one out through the port of its family, and treats every kind alike: whatever it
must know of a kind stands in its `Traits`.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, Literal, TypeVar

from rubyops.model.json_object import JsonObject
from rubyops.model.status import Status
from rubyops.polling import poll
from rubyops.ports import CheckRunner, EffectIdentity, Read
from rubyops.stop_signal import StopSignal

P = TypeVar("P")
T = TypeVar("T")
Doubt = Literal["applied", "not applied", "repeatable"]


@dataclass(frozen=True)
class Traits:
    """The rules that the engine keeps for a kind of effect.

    `changes_platform`: an earlier verification no longer holds after it (K18).
    `read_only`: it only looks, so a plan of such effects changes nothing.
    `mild`: it can harm no money and no service, so nobody has to confirm it.
    `brake`: it works while another run holds the lock, without a journal and before `control`.
    `plays_canaries`: it writes on canary players, so a dry-run cannot decide it.
    `starts_platform`: behind it answers may come that nobody gives now; it needs no lock.
    `renews_lock`: the servers that keep lock and fence may be new after it.
    """

    changes_platform: bool = False
    read_only: bool = False
    mild: bool = False
    brake: bool = False
    plays_canaries: bool = False
    starts_platform: bool = False
    renews_lock: bool = False

    @property
    def needs_lock(self) -> bool:
        """Whether a run without the environment's lock must not carry it out."""
        return not (self.brake or self.starts_platform)


@dataclass(frozen=True)
class Outcome:
    """How one effect ended, in a sentence and in figures."""

    status: Status
    summary: str
    details: JsonObject = field(default_factory=dict)


@dataclass(frozen=True)
class EffectContext:
    """The context of an effect beside its port: identity, reader, checks and the stop signal.

    `hold` raises when the lock is not this run's any more, or somebody else changed the freeze.
    `tell_taken_over` has another run's journal say that this run took over its freeze.
    """

    identity: EffectIdentity
    read: Read
    check: CheckRunner
    stop: StopSignal
    progress: Callable[[str], None]
    hold: Callable[[], None]
    tell_taken_over: Callable[[str], None]

    def may_go_on(self) -> None:
        """Raise where the effect must stop between two acts: `Interrupted`, `LockLost`, ..."""
        self.stop.raise_if_set()
        self.hold()

    def poll(
        self, ask: Callable[[], T | None], timeout_seconds: float, interval_seconds: float
    ) -> T | None:
        """Ask until there is an answer; return None when there was none in time."""

        def pause() -> None:
            self.stop.wait(interval_seconds)
            self.may_go_on()

        return poll(ask, timeout_seconds, pause)


@dataclass(frozen=True)
class Effect(ABC, Generic[P]):
    """One change that a step asks for, carried out through the port `P` of its family."""

    traits: ClassVar[Traits]

    @abstractmethod
    def describe(self) -> str:
        """Return the one line that a plan, a live run and the journal show."""

    @abstractmethod
    def carry_out(self, port: P, context: EffectContext) -> Outcome:
        """Do it and say how it ended; raises a `RubyopsError` where it did not succeed."""

    def in_doubt(self, read: Read) -> Doubt:
        """Say whether it was applied, when its journal has an intent and no outcome.

        Most effects may simply be repeated. Freezes, service calls, flows, verifications, the
        canary event, the backfill and topology moves are keyed on the other side by the id of the
        effect or of its run; starting, migrating and exporting aim at a state.
        """
        del read
        return "repeatable"


AnyEffect = Effect[Any]
