"""Effects: frozen values that describe a change and can carry it out.

A command returns effects and executes none, so the plan and the run use the same code. The engine
carries out an effect through the port of its family. It treats every class of effect alike, by
means of `Traits`.
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
    """The rules that the engine follows for a class of effect.

    `changes_platform`: earlier verifications are invalid after the effect (K18).
    `read_only`: the effect only reads, so a plan of such effects changes nothing.
    `mild`: the effect cannot harm money or services, so the user need not confirm it.
    `brake`: the effect works without the lock, without a journal and without `control`.
    `plays_canaries`: the effect plays on canary players, so a dry-run must not carry it out.
    `starts_platform`: servers may answer only after the effect, so it needs no lock.
    `renews_lock`: the servers may be new after the effect, so lock and fence are taken again.
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
        """Whether only a run with the environment's lock may carry out the effect."""
        return not (self.brake or self.starts_platform)


@dataclass(frozen=True)
class Outcome:
    """The result of one effect: a status, a sentence and figures."""

    status: Status
    summary: str
    details: JsonObject = field(default_factory=dict)


@dataclass(frozen=True)
class EffectContext:
    """The tools of an effect beside its port, such as the reader and the stop signal.

    `hold` raises an error if another run took the lock or changed the freeze. `tell_taken_over`
    writes into another run's journal that this run took over its freeze.
    """

    identity: EffectIdentity
    read: Read
    check: CheckRunner
    stop: StopSignal
    progress: Callable[[str], None]
    hold: Callable[[], None]
    tell_taken_over: Callable[[str], None]

    def may_go_on(self) -> None:
        """Raise an error if the effect must stop now, such as `Interrupted` or `LockLost`."""
        self.stop.raise_if_set()
        self.hold()

    def poll(
        self, ask: Callable[[], T | None], timeout_seconds: float, interval_seconds: float
    ) -> T | None:
        """Call `ask` until it returns an answer; return None if the time is over before."""

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
        """Return one line for the plan, the report and the journal."""

    @abstractmethod
    def carry_out(self, port: P, context: EffectContext) -> Outcome:
        """Carry out the effect and return its outcome; raise a `RubyopsError` if it fails."""

    def in_doubt(self, read: Read) -> Doubt:
        """Return whether the effect was applied, if the journal has its intent and no outcome.

        Most effects are safe to repeat. Freezes, service calls, flows, verifications, the canary
        event, backfills and topology moves use the id of the effect or run as an idempotency key.
        To start, migrate or export again leads to the same state.
        """
        del read
        return "repeatable"


AnyEffect = Effect[Any]
