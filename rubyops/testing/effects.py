"""Ports of effects that note each act; the freeze alone is a real one, in a real `control`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from rubyops.adapters.control import ControlDatabase
from rubyops.effects.backfill import BatchCount
from rubyops.effects.base import AnyEffect
from rubyops.effects.flow import Flow
from rubyops.effects.service_call import CallService
from rubyops.effects.topology_move import MoveCount
from rubyops.errors import Unreachable
from rubyops.model.freeze import FreezeChange, FreezeTruth
from rubyops.ports import Actor, CopyNames, EffectIdentity, HttpAnswer, Row
from rubyops.testing.reading import in_force


def _nothing(verb: str, subject: str) -> None:
    """Break nothing."""


@dataclass
class Recorder:
    """Notes each act as (verb, effect id or subject), and calls `on_act`, which may break it.

    `answer` is the answer of services, `figures` the result of suites, `money` whether the
    wallet's tables are there.
    """

    on_act: Callable[[str, str], None] = _nothing
    acts: list[tuple[str, str]] = field(default_factory=list)
    answer: HttpAnswer = field(default_factory=lambda: HttpAnswer(200, {}))
    figures: dict[str, Row] = field(default_factory=dict)
    money: bool = True

    def act(self, verb: str, subject: str) -> None:
        """Note an act, unless the test breaks it."""
        self.on_act(verb, subject)
        self.acts.append((verb, subject))

    def advance(self, token: int) -> None:
        """Raise the fence."""
        self.act("fence", str(token))

    def holders(self) -> str:
        """Name nobody."""
        return "nobody"

    def port_of(self, control: ControlDatabase) -> Callable[[AnyEffect], object]:
        """Return the ports of all families, by effect."""
        ports: dict[str, object] = {
            "backfill": RecordingBackfill(self),
            "drain": RecordingDrain(self),
            "export": RecordingExport(self),
            "flow": NoFlows(),
            "freeze": RecordingFreeze(self, control),
            "platform": RecordingPlatform(self),
            "service_call": RecordingCalls(self),
            "suites": RecordingSuites(self),
            "topology_move": RecordingMoves(self),
            "wait": None,
        }
        return lambda effect: ports[type(effect).__module__.rpartition(".")[2]]


@dataclass(frozen=True)
class RecordingPlatform:
    """Starts and stops nothing."""

    recorder: Recorder

    def start_all(
        self, identity: EffectIdentity, progress: Callable[[str], None], restart: CopyNames
    ) -> None:
        """Note it."""
        self.recorder.act("start_platform", "")

    def stop(self, identity: EffectIdentity, processes: Sequence[str]) -> None:
        """Note it."""
        self.recorder.act("stop", ",".join(processes))

    def start(self, identity: EffectIdentity, processes: Sequence[str]) -> None:
        """Note it."""
        self.recorder.act("start", ",".join(processes))

    def migrate(self, identity: EffectIdentity) -> dict[str, object]:
        """Note it."""
        self.recorder.act("migrate", "")
        return {}


@dataclass(frozen=True)
class RecordingFreeze:
    """A test double: it changes the freeze in a real `control` database, and no fence row."""

    recorder: Recorder
    control: ControlDatabase

    def raise_wanted(self, identity: EffectIdentity, level: str, reason: str) -> FreezeChange:
        """Raise it."""
        return self.control.raise_freeze(identity, level, reason)

    def take_over(self, identity: EffectIdentity, from_run: str) -> FreezeChange:
        """Take it over."""
        return self.control.take_over_freeze(identity, from_run)

    def lift_wanted(
        self, identity: EffectIdentity, reason: str, take_over: str, change_no: int | None
    ) -> FreezeChange:
        """Lift it."""
        return self.control.lift_freeze(identity, reason, take_over, change_no)

    def raise_fence_row(self, level: str, epoch: int, patience_ms: int) -> None:
        """Note it."""
        self.recorder.act("raise", level)

    def lower_fence_row(
        self, identity: EffectIdentity, level: str, epoch: int, change_no: int | None
    ) -> None:
        """Note it."""
        self.recorder.act("lower", level)

    def end_session(self, pid: int, started_at: str) -> bool:
        """Note it; the session was there."""
        self.recorder.act("end_session", str(pid))
        return True

    def truth(self) -> FreezeTruth:
        """Tell that the wanted level is in force."""
        return in_force(self.control)()

    def whose(self, found: FreezeTruth) -> list[str]:
        """Name nobody."""
        return []

    def state(self) -> Row:
        """Return the state of no platform."""
        return {}

    def fence_holders(self) -> str:
        """Name nobody."""
        return "nobody"


@dataclass(frozen=True)
class RecordingCalls:
    """Gives the test's answer."""

    recorder: Recorder

    def call(
        self, identity: EffectIdentity, effect: CallService, before_each: Callable[[], None]
    ) -> HttpAnswer:
        """Ask, note it and answer."""
        before_each()
        self.recorder.act("call", identity.effect_id)
        return self.recorder.answer


class NoFlows:
    """Refuses: a flow needs a platform."""

    def script(self, flow: str) -> Flow:
        """Refuse."""
        raise KeyError(flow)

    def actor(self, identity: EffectIdentity, flow: str) -> Actor:
        """Refuse."""
        raise Unreachable("there is no actor in a test of the engine")


@dataclass(frozen=True)
class RecordingSuites:
    """Gives the test's figures."""

    recorder: Recorder

    def run(
        self, suites: Mapping[str, Sequence[str]], while_waiting: Callable[[], None]
    ) -> dict[str, Row]:
        """Note it."""
        while_waiting()
        self.recorder.act("suites", ",".join(suites))
        return self.recorder.figures


@dataclass(frozen=True)
class RecordingExport:
    """Exports nothing."""

    recorder: Recorder

    def export(self, identity: EffectIdentity, tables: Sequence[str]) -> dict[str, object]:
        """Note it."""
        self.recorder.act("export", identity.effect_id)
        return {"folder": "nowhere"}


@dataclass(frozen=True)
class RecordingDrain:
    """Has an empty outbox, and lets the canary through."""

    recorder: Recorder

    def count_unpublished(self, lock_timeout_ms: int) -> int | None:
        """Count none."""
        return 0

    def holders(self) -> tuple[str, ...]:
        """Name nobody."""
        return ()

    def publish_canary(self, identity: EffectIdentity) -> str:
        """Note it."""
        self.recorder.act("canary", identity.effect_id)
        return identity.effect_id

    def canary_arrived(self, event_id: str) -> bool:
        """Say that it arrived."""
        return True


@dataclass(frozen=True)
class RecordingBackfill:
    """Is done at once."""

    recorder: Recorder

    def seed_players(self, identity: EffectIdentity, count: int) -> int:
        """Note it."""
        self.recorder.act("seed", str(count))
        return count

    def batch(self, identity: EffectIdentity, tenant_id: str | None, limit: int) -> BatchCount:
        """Note it and be done."""
        self.recorder.act("batch", identity.effect_id)
        return BatchCount(0, 0, 0, 0, None)


@dataclass(frozen=True)
class RecordingMoves:
    """Has nobody to move."""

    recorder: Recorder

    def batch(
        self,
        identity: EffectIdentity,
        document: Mapping[str, object] | None,
        digest: str,
        undoes: str | None,
        limit: int,
    ) -> MoveCount:
        """Note it."""
        self.recorder.act("topology_move_batch", identity.effect_id)
        return MoveCount(0, 0, 0, 0, True)
