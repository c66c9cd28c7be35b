"""The closed list of what a step may ask the engine to do to an environment.

A command yields these values and executes nothing itself, so the preview and the run are the same code.
`rubyops.engine.execute` carries each one out, `rubyops.engine.describe` says each one in words; the type checker
notices in both places when a kind is added here.
"""

from dataclasses import dataclass, field
from typing import Any, Literal

FreezeLevel = Literal["ingress", "sealed"]
VerificationKind = Literal["health", "smoke", "reconciliation", "canary"]


@dataclass(frozen=True)
class StartPlatform:
    """Start servers, apply migrations and start every process of the environment that is not running (local driver).

    `restart` names copies, by process and number, that are restarted although they run.
    """

    restart: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class StopProcesses:
    """Stop these processes, every copy of each."""

    processes: tuple[str, ...]


@dataclass(frozen=True)
class StartProcesses:
    """Start these processes, every copy of each."""

    processes: tuple[str, ...]


@dataclass(frozen=True)
class Migrate:
    """Bring both databases to the newest schema."""


@dataclass(frozen=True)
class SeedPlayers:
    """Create `count` legacy players over the seed tenants, where none exist."""

    count: int


@dataclass(frozen=True)
class RaiseFreeze:
    """Raise the freeze to at least `level` by a layer of this run, and wait until it is in force.

    It needs no lock, and it is never lowered by this effect.
    """

    level: FreezeLevel
    reason: str


@dataclass(frozen=True)
class TakeOverFreeze:
    """Take over the freeze of a run that has ended or died, so that this run may lift it."""

    from_run: str


@dataclass(frozen=True)
class LiftFreeze:
    """Lift the freeze that this run or person set or took over; layers of others stay in force.

    `take_over` names a run that has ended, whose freeze goes with it. `proof` is the state of the
    platform that was verified, and the act is refused on any other; empty where nothing is frozen.
    """

    reason: str
    take_over: str = ""
    proof: dict[str, Any] = field(default_factory=dict)

    def change_no(self, where: Literal["control", "platform"]) -> int | None:
        """Return the number of the change that was verified, as `where` counts it."""
        return int(self.proof["change"][where]) if self.proof else None


@dataclass(frozen=True)
class EndSession:
    """End one session of the operated database, known by process id and start, that blocks a freeze."""

    pid: int
    started_at: str


@dataclass(frozen=True)
class WaitFor:
    """Look at a check until it holds, at most `timeout_seconds`; changes nothing."""

    check: str
    timeout_seconds: float
    interval_seconds: float = 0.2


@dataclass(frozen=True)
class CallService:
    """Call one route of one process as the operator, with a request id derived from the effect's own id."""

    process: str
    method: Literal["POST", "PUT"]
    path: str
    body: dict[str, object] = field(default_factory=dict)
    brand_id: str | None = None


@dataclass(frozen=True)
class RunFlow:
    """Play one flow or smoke case on players made for it; its request ids derive from the effect's id, so a repeat replays."""

    flow: str


@dataclass(frozen=True)
class RunSuites:
    """Run these test suites of the checkout, files by the name of their suite, on servers of their own."""

    suites: dict[str, tuple[str, ...]]


@dataclass(frozen=True)
class ExportTables:
    """Copy these wallet tables, in one snapshot, into the environment's export folder, with counts and digests."""

    tables: tuple[str, ...]


@dataclass(frozen=True)
class ConfirmDrained:
    """Prove under a table lock that no event is unpublished, every group has caught up and a canary event got through."""

    timeout_seconds: float


@dataclass(frozen=True)
class Backfill:
    """Create wallet balances for legacy players in key order up to a bound fixed at the start."""

    batch_size: int
    tenant_id: str | None


@dataclass(frozen=True)
class MoveTopology:
    """Move what players hold in the buckets of one topology to those of another, as the document of this digest maps them."""

    document: dict[str, object]
    digest: str
    batch_size: int


@dataclass(frozen=True)
class UndoTopologyMove:
    """Move back exactly what a run moved, for everybody."""

    run_id: str
    digest: str
    batch_size: int


@dataclass(frozen=True)
class BeginVerification:
    """Begin this part of the verification on the present state of the platform."""

    kind: VerificationKind


@dataclass(frozen=True)
class RecordVerification:
    """Record that this part passed, if the platform is still in the state that it began on."""

    kind: VerificationKind


Effect = (
    StartPlatform
    | StopProcesses
    | StartProcesses
    | Migrate
    | SeedPlayers
    | RaiseFreeze
    | TakeOverFreeze
    | LiftFreeze
    | EndSession
    | WaitFor
    | CallService
    | RunFlow
    | RunSuites
    | ExportTables
    | ConfirmDrained
    | Backfill
    | MoveTopology
    | UndoTopologyMove
    | BeginVerification
    | RecordVerification
)

READ_ONLY: tuple[type, ...] = (WaitFor, RunSuites)
# The brake: what works while another run holds the lock, and without a journal.
BRAKE: tuple[type, ...] = (RaiseFreeze, EndSession)
# Effects that change the platform itself, so that an earlier verification no longer holds. The
# freeze has an epoch of its own; canaries, exports and proofs change nothing that is verified.
CHANGES_PLATFORM: tuple[type, ...] = (
    StartPlatform,
    StopProcesses,
    StartProcesses,
    Migrate,
    SeedPlayers,
    CallService,
    Backfill,
    MoveTopology,
    UndoTopologyMove,
)
