"""The outside world as the engine, the commands and the checks know it, narrower than any driver.

Checks and planning get `Read`, which has no verb that changes anything: a check cannot write, by
type. Flows get `Actor`: calls to live services as players and providers. The engine alone gets
`Control`. Each family of effects has a port of its own beside its effects.
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
CopyNames = Sequence[tuple[str, int]]  # of each copy its process and number


@dataclass(frozen=True)
class HttpAnswer:
    """A service's answer. `status` 0 means that no answer came; `error` then says why."""

    status: int
    body: Any
    error: str | None = None


@dataclass(frozen=True)
class Attempt:
    """A statement of `sql/queries` that a role must be refused.

    `names` fills its placeholders, each with the parts of one name.
    """

    query: str
    names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class AttemptAnswer:
    """How the database took an attempt: `refused` for want of a right, `allowed`, or `unanswered`.

    `reason` is the database's own text.
    """

    outcome: Literal["refused", "allowed", "unanswered"]
    reason: str


@dataclass(frozen=True)
class Copy:
    """One copy of a process as its driver sees it; `state` is the supervisor's, in lower case."""

    process: str
    number: int
    url: str
    pid: int
    state: str


@dataclass(frozen=True)
class EnvironmentFacts:
    """Facts that a step may know about the environment it acts on.

    `code` is the digest of the platform's source files on the disk (`sql.code`). A copy that loaded
    other files tells another digest.
    """

    name: str
    topology: str
    copies: int
    seed_players: int
    commit: str
    code: str = ""


class Read(Protocol):
    """Every question and no change. Raises `Unreachable` when a server does not answer."""

    @property
    def environment(self) -> EnvironmentFacts:
        """The environment's own facts."""

    def rows(
        self, query: str, /, *, database: Database = "platform", **values: object
    ) -> list[Row]:
        """Run a named query of `sql/queries` as the SELECT-only role; return its rows as dicts."""

    def one(self, query: str, /, *, database: Database = "platform", **values: object) -> Row:
        """Run a named query that always returns exactly one row."""

    def get(
        self, process: str, path: str, *, copy: int = 1, brand_id: str | None = None
    ) -> HttpAnswer:
        """GET a route of a copy as the operator; an unreachable copy is status 0, not an error."""

    def copies(self) -> Sequence[Copy]:
        """List every copy that the driver keeps, running or not; empty when never brought up.

        Raises `Unreachable` where the driver does not answer. It knows of no copy that somebody
        started by hand: `checks/_liveness.py` asks the heartbeats, too.
        """

    def groups(self) -> list[Row]:
        """List stream consumer groups: {stream, group, lag (entries to read), pending, length}."""

    def results(self, suite: str) -> Evidence:
        """Return the newest result of a suite that is believed of this very commit, and doubts."""


class Actor(Protocol):
    """Real calls to live services, each under a request id derived from the run."""

    def player(self, label: str, *, currency: str = "EUR") -> "CanaryPlayer":
        """Create, or find again, the run's canary player of that label, with session and pass."""

    def as_player(
        self,
        player: "CanaryPlayer",
        method: str,
        path: str,
        body: Mapping[str, object] | None = None,
        *,
        key: str | None = None,
    ) -> HttpAnswer:
        """Call the gateway as the player; run, flow and `key` give the Idempotency-Key."""

    def as_provider(
        self,
        provider: str,
        player: "CanaryPlayer",
        path: str,
        body: Mapping[str, object],
        *,
        key: str,
    ) -> HttpAnswer:
        """Call a provider route of the gateway, signed; run, flow and `key` give the request id."""

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

        With a player the call goes to the player's brand, under the player's canary pass.
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
        """GET a route with these headers alone and no token of ours: it must be refused."""

    def as_role(self, role: str, attempts: Sequence[Attempt]) -> list[AttemptAnswer]:
        """Log in to the platform's database as the role and try each statement, rolled back.

        Raises `Unreachable` when the role cannot log in.
        """

    def derived_id(self, key: str) -> str:
        """Return the id (round, bet, request) that this run, flow and key always give."""

    @property
    def read(self) -> Read:
        """The same questions that a check may ask."""


@dataclass(frozen=True)
class CanaryPlayer:
    """A player made for one flow of one run."""

    brand_id: str
    player_id: str
    currency: str
    session: str
    canary_token: str | None


# Runs a check by its name and returns its finding.
CheckRunner = Callable[[str], Finding]


@dataclass(frozen=True)
class Holder:
    """The process that carries out a run, described so that its machine can see if it still lives.

    `proves` are the results that the run would record, for this `commit`.
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
    """The identity of an effect: its id, its run, the run's fencing token, the person behind it.

    `owner` becomes the owner of a freeze: `run:<id>`, or `person:<name>` for a command typed by
    hand. `token` is 0 for a run without a lock: it starts the platform before `control` answers.
    `known_epoch` is the freeze epoch that the run works under, None if it knows none.
    """

    effect_id: str
    run_id: str
    token: int
    by: str
    owner: str = ""
    known_epoch: int | None = None

    @property
    def fence(self) -> int | None:
        """The fencing token, None for a run that has none yet."""
        return self.token or None


@dataclass(frozen=True)
class LockState:
    """The one lock of an environment: holder, token, and whether the holder is known to be gone."""

    run_id: str
    holder: Holder
    token: int
    acquired_at: datetime
    expires_at: datetime
    gone: bool


class Control(Protocol):
    """The operators' own memory, outside of the operated database. Raises `Unreachable`."""

    def reachable(self) -> bool:
        """Whether the control database answers and has its schema."""

    def freeze(self) -> FreezeState:
        """Read the present freeze state."""

    def last_freeze_of(self, run_id: str) -> tuple[int, str] | None:
        """Return epoch and level of the newest change that a run made to the freeze."""

    def note_change(self, what: str, by: str) -> None:
        """Count a change of what the platform is."""

    def acquire(self, run_id: str, holder: Holder) -> int:
        """Take the environment's lock; return a new fencing token. Raises `LockHeld`."""

    def renew(self, run_id: str, token: int) -> None:
        """Prolong the lease. Raises `LockLost` when it is no longer ours."""

    def release(self, run_id: str, token: int) -> None:
        """Give the lock back; nothing happens when it is no longer ours."""

    def lock(self) -> LockState | None:
        """Return the lock, None when it is free."""

    def anchor(self, run_id: str, sequence: int, digest: str) -> None:
        """Keep the newest line of a journal, so that a missing end shows."""

    def head(self, run_id: str) -> tuple[int, str] | None:
        """Return the newest anchored line of a journal: its sequence number and digest."""
