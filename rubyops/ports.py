"""The interfaces through which commands, checks, flows and the engine reach the platform.

Checks and commands get `Read`, which has no method that changes anything. Flows get `Actor`, which
calls live services as players and providers. Only the engine gets `Control`. The port of a family
of effects stands in the module of these effects.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol

from rubyops.model.finding import Finding
from rubyops.model.freeze import FreezeState
from rubyops.model.recorded import Evidence

Row = dict[str, Any]
Database = Literal["platform", "control"]
CopyNames = Sequence[tuple[str, int]]  # process and number of each copy


@dataclass(frozen=True)
class HttpAnswer:
    """The answer of a service. `status` 0 means that no answer came; `error` is the reason."""

    status: int
    body: Any
    error: str | None = None


@dataclass(frozen=True)
class Attempt:
    """A statement of `sql/queries` that the database must refuse to a role.

    `names` maps each placeholder to the parts of a qualified name, such as schema and table.
    """

    query: str
    names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class AttemptAnswer:
    """The result of an attempt; `refused` means that the role lacks the privilege.

    `reason` is the database's own message.
    """

    outcome: Literal["refused", "allowed", "unanswered"]
    reason: str


@dataclass(frozen=True)
class Copy:
    """A running or stopped copy of a process; `state` is the supervisor's state in lower case."""

    process: str
    number: int
    url: str
    pid: int
    state: str


@dataclass(frozen=True)
class EnvironmentFacts:
    """The facts about an environment that a step may use.

    `code` is the digest of the platform's source files on disk (`sql.code`). A copy that loaded
    other files reports another digest.
    """

    name: str
    topology: str
    copies: int
    seed_players: int
    commit: str
    code: str = ""


class Read(Protocol):
    """Reads everything and changes nothing. Raises `Unreachable` if a server does not answer."""

    @property
    def environment(self) -> EnvironmentFacts:
        """The facts about the environment."""

    def rows(
        self, query: str, /, *, database: Database = "platform", **values: object
    ) -> list[Row]:
        """Run a named query of `sql/queries` as the read-only role; return its rows as dicts."""

    def one(self, query: str, /, *, database: Database = "platform", **values: object) -> Row:
        """Run a named query that always returns exactly one row."""

    def get(
        self, process: str, path: str, *, copy: int = 1, brand_id: str | None = None
    ) -> HttpAnswer:
        """GET a route of a copy as the operator; an unreachable copy gives status 0, no error."""

    def copies(self) -> Sequence[Copy]:
        """List every copy that the driver started, running or not; empty before the first `up`.

        Raises `Unreachable` if the driver does not answer. Copies that were started by hand are
        missing here; `rubyops/readings/liveness.py` finds them by their heartbeats.
        """

    def groups(self) -> list[Row]:
        """List the consumer groups of streams: {stream, group, lag (unread), pending, length}."""

    def results(self, suite: str) -> Evidence:
        """Return the suite's newest trustworthy result of this commit, and why others are not."""


class Actor(Protocol):
    """Makes real calls to live services, with request ids derived from the run."""

    def player(self, label: str, *, currency: str = "EUR") -> "CanaryPlayer":
        """Create the run's canary player with this label, or return the existing one.

        The player has a session and a canary pass.
        """

    def as_player(
        self,
        player: "CanaryPlayer",
        method: str,
        path: str,
        body: Mapping[str, object] | None = None,
        *,
        key: str | None = None,
    ) -> HttpAnswer:
        """Call the gateway as the player; the Idempotency-Key derives from run, flow and `key`."""

    def as_provider(
        self,
        provider: str,
        player: "CanaryPlayer",
        path: str,
        body: Mapping[str, object],
        *,
        key: str,
    ) -> HttpAnswer:
        """Call a provider route of the gateway with a signed request.

        The request id derives from run, flow and `key`.
        """

    def as_admin(
        self,
        method: str,
        path: str,
        body: Mapping[str, object] | None = None,
        *,
        key: str | None = None,
        player: "CanaryPlayer | None" = None,
    ) -> HttpAnswer:
        """Call admin_service with the back office's bearer token.

        With a player the call goes to the player's brand and carries the player's canary pass.
        """

    def as_operator(
        self,
        process: str,
        method: str,
        path: str,
        body: Mapping[str, object] | None = None,
        *,
        key: str | None = None,
        brand_id: str | None = None,
    ) -> HttpAnswer:
        """Call an internal route as the operator."""

    def as_stranger(self, process: str, path: str, headers: Mapping[str, str]) -> HttpAnswer:
        """GET a route with only these headers, without a valid token; it must be refused."""

    def as_role(self, role: str, attempts: Sequence[Attempt]) -> list[AttemptAnswer]:
        """Log in to the platform's database as the role, try each statement and roll it back.

        Raises `Unreachable` if the role cannot log in.
        """

    def derived_id(self, key: str) -> str:
        """Return an id for a round, bet or request, derived from the run, the flow and the key."""

    @property
    def read(self) -> Read:
        """The reader that checks use."""


@dataclass(frozen=True)
class CanaryPlayer:
    """A player created for one flow of one run."""

    brand_id: str
    player_id: str
    currency: str
    session: str
    canary_token: str | None


# Runs a check by its name and returns its finding.
CheckRunner = Callable[[str], Finding]


@dataclass(frozen=True)
class Holder:
    """The process that carries out a run.

    `boot`, `pid` and `started` show on its host whether the process still runs. `proves` are the
    suites that the run will record for this `commit`.
    """

    who: str
    host: str
    boot: str
    pid: int
    started: int
    commit: str = ""
    proves: tuple[str, ...] = ()


@dataclass(frozen=True)
class EffectIdentity:
    """The identity under which an effect acts: its id, run, fencing token and user.

    `owner` becomes the owner of a freeze: `run:<id>`, or `person:<name>` for a single command.
    `token` is 0 for a run without a lock, such as a run that starts the platform. `known_epoch` is
    the freeze epoch that the run works under, or None.
    """

    effect_id: str
    run_id: str
    token: int
    by: str
    owner: str = ""
    known_epoch: int | None = None

    @property
    def fence(self) -> int | None:
        """The fencing token; None without a lock."""
        return self.token or None


@dataclass(frozen=True)
class LockState:
    """The lock of an environment; `gone` is True if its process is known to have ended."""

    run_id: str
    holder: Holder
    token: int
    acquired_at: datetime
    expires_at: datetime
    gone: bool


class Control(Protocol):
    """The `control` database, which stores lock, freeze and anchors. Raises `Unreachable`."""

    def reachable(self) -> bool:
        """Whether the database answers and has its schema."""

    def freeze(self) -> FreezeState:
        """Read the present freeze state."""

    def last_freeze_of(self, run_id: str) -> tuple[int, str] | None:
        """Return epoch and level of the newest change that the run made to the freeze, or None."""

    def note_change(self, what: str, by: str) -> None:
        """Count a change of the platform, so that older verifications expire."""

    def acquire(self, run_id: str, holder: Holder) -> int:
        """Take the environment's lock; return a new fencing token. Raises `LockHeld`."""

    def renew(self, run_id: str, token: int) -> None:
        """Extend the run's lock. Raises `LockLost` if another run has taken it."""

    def release(self, run_id: str, token: int) -> None:
        """Release the run's lock; do nothing if another run has taken it."""

    def lock(self) -> LockState | None:
        """Return the lock; None if it is free."""

    def anchor(self, run_id: str, sequence: int, digest: str) -> None:
        """Store number and hash of a journal's newest line, so that a cut-off end is detected."""

    def head(self, run_id: str) -> tuple[int, str] | None:
        """Return number and hash of a journal's newest anchored line, or None."""
