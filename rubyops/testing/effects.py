"""Test doubles of effect ports. They record calls; only the freeze uses a real `control`."""

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
    """Do nothing."""


@dataclass
class Recorder:
    """Records each call as (verb, effect id or subject), after `on_act`, which may raise an error.

    `answer` is the answer of services, `figures` the result of suites. `money` says whether the
    wallet's tables exist.
    """

    on_act: Callable[[str, str], None] = _nothing
    acts: list[tuple[str, str]] = field(default_factory=list)
    answer: HttpAnswer = field(default_factory=lambda: HttpAnswer(200, {}))
    figures: dict[str, Row] = field(default_factory=dict)
    money: bool = True

    def act(self, verb: str, subject: str) -> None:
        """Record a call, unless `on_act` raises an error."""
        self.on_act(verb, subject)
        self.acts.append((verb, subject))

    def advance(self, token: int) -> None:
        """Record the token."""
        self.act("fence", str(token))

    def holders(self) -> str:
        """Return a fixed text."""
        return "nobody"

    def port_of(self, control: ControlDatabase) -> Callable[[AnyEffect], object]:
        """Return a function that finds the port of an effect."""
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
    """Records starts, stops and migrations."""

    recorder: Recorder

    def start_all(
        self, identity: EffectIdentity, progress: Callable[[str], None], restart: CopyNames
    ) -> None:
        """Record the call."""
        self.recorder.act("start_platform", "")

    def stop(self, identity: EffectIdentity, processes: Sequence[str]) -> None:
        """Record the call."""
        self.recorder.act("stop", ",".join(processes))

    def start(self, identity: EffectIdentity, processes: Sequence[str]) -> None:
        """Record the call."""
        self.recorder.act("start", ",".join(processes))

    def migrate(self, identity: EffectIdentity) -> dict[str, object]:
        """Record the call."""
        self.recorder.act("migrate", "")
        return {}


@dataclass(frozen=True)
class RecordingFreeze:
    """Changes the freeze in a real `control` database; only records changes of the fence row."""

    recorder: Recorder
    control: ControlDatabase

    def raise_wanted(self, identity: EffectIdentity, level: str, reason: str) -> FreezeChange:
        """Raise the freeze in `control`."""
        return self.control.raise_freeze(identity, level, reason)

    def take_over(self, identity: EffectIdentity, from_run: str) -> FreezeChange:
        """Take over the freeze in `control`."""
        return self.control.take_over_freeze(identity, from_run)

    def lift_wanted(
        self, identity: EffectIdentity, reason: str, take_over: str, change_no: int | None
    ) -> FreezeChange:
        """Lift the freeze in `control`."""
        return self.control.lift_freeze(identity, reason, take_over, change_no)

    def raise_fence_row(self, level: str, epoch: int, patience_ms: int) -> None:
        """Record the call."""
        self.recorder.act("raise", level)

    def lower_fence_row(
        self, identity: EffectIdentity, level: str, epoch: int, change_no: int | None
    ) -> None:
        """Record the call."""
        self.recorder.act("lower", level)

    def end_session(self, pid: int, started_at: str) -> bool:
        """Record the call; answer that the session existed."""
        self.recorder.act("end_session", str(pid))
        return True

    def truth(self) -> FreezeTruth:
        """Return the wanted level as the level in force."""
        return in_force(self.control)()

    def whose(self, found: FreezeTruth) -> list[str]:
        """Return no layers."""
        return []

    def state(self) -> Row:
        """Return an empty state."""
        return {}

    def fence_holders(self) -> str:
        """Return a fixed text."""
        return "nobody"


@dataclass(frozen=True)
class RecordingCalls:
    """Returns the answer that the test has set."""

    recorder: Recorder

    def call(
        self, identity: EffectIdentity, effect: CallService, before_each: Callable[[], None]
    ) -> HttpAnswer:
        """Call `before_each`, record the call and return the answer."""
        before_each()
        self.recorder.act("call", identity.effect_id)
        return self.recorder.answer


class NoFlows:
    """Raises an error: tests of the engine have no platform for a flow."""

    def script(self, flow: str) -> Flow:
        """Raise an error."""
        raise KeyError(flow)

    def actor(self, identity: EffectIdentity, flow: str) -> Actor:
        """Raise an error."""
        raise Unreachable("there is no actor in a test of the engine")


@dataclass(frozen=True)
class RecordingSuites:
    """Returns the figures that the test has set."""

    recorder: Recorder

    def run(
        self, suites: Mapping[str, Sequence[str]], while_waiting: Callable[[], None]
    ) -> dict[str, Row]:
        """Record the call."""
        while_waiting()
        self.recorder.act("suites", ",".join(suites))
        return self.recorder.figures


@dataclass(frozen=True)
class RecordingExport:
    """Records exports."""

    recorder: Recorder

    def export(self, identity: EffectIdentity, tables: Sequence[str]) -> dict[str, object]:
        """Record the call."""
        self.recorder.act("export", identity.effect_id)
        return {"folder": "nowhere"}


@dataclass(frozen=True)
class RecordingDrain:
    """Pretends that the outbox is empty and the canary event arrives."""

    recorder: Recorder

    def count_unpublished(self, lock_timeout_ms: int) -> int | None:
        """Return 0."""
        return 0

    def holders(self) -> tuple[str, ...]:
        """Return no sessions."""
        return ()

    def publish_canary(self, identity: EffectIdentity) -> str:
        """Record the call."""
        self.recorder.act("canary", identity.effect_id)
        return identity.effect_id

    def canary_arrived(self, event_id: str) -> bool:
        """Return True."""
        return True


@dataclass(frozen=True)
class RecordingBackfill:
    """Pretends that one batch finishes the backfill."""

    recorder: Recorder

    def seed_players(self, identity: EffectIdentity, count: int) -> int:
        """Record the call."""
        self.recorder.act("seed", str(count))
        return count

    def batch(self, identity: EffectIdentity, tenant_id: str | None, limit: int) -> BatchCount:
        """Record the call; answer that no player is left."""
        self.recorder.act("batch", identity.effect_id)
        return BatchCount(0, 0, 0, 0, None)


@dataclass(frozen=True)
class RecordingMoves:
    """Pretends that one batch finishes the move, with no player to move."""

    recorder: Recorder

    def batch(
        self,
        identity: EffectIdentity,
        document: Mapping[str, object] | None,
        digest: str,
        undoes: str | None,
        limit: int,
    ) -> MoveCount:
        """Record the call."""
        self.recorder.act("topology_move_batch", identity.effect_id)
        return MoveCount(0, 0, 0, 0, True)
