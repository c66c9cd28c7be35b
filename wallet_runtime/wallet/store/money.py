"""Carries out money commands: one statement reads the state, pure rules decide, one applies.

Only `perform`, and `perform_many` for a batch, call `wallet.apply_command`. Both statements run in
autocommit, so no transaction stays open while Python decides. If the player or the active pair has
changed after the read, the apply statement changes nothing, and the command is decided again on the
new state.

A new bet may skip the read: it is first decided on the cached state of the player. The apply
statement checks that this state is current. If the bet is not applied on the cached state, it takes
the usual path.
"""

import time
from collections.abc import Callable
from functools import cache
from uuid import UUID

import msgspec
import structlog
from prometheus_client import Counter

from wallet_runtime.contract import sqlstates
from wallet_runtime.contract.codes import IDEMPOTENCY_IN_FLIGHT
from wallet_runtime.plumbing.errors import (
    ApiError,
    Conflict,
    NotFound,
    PayloadMismatch,
    ServiceBusy,
    Unavailable,
)
from wallet_runtime.plumbing.runtime import failpoint, fence
from wallet_runtime.plumbing.runtime.database import Database, DatabaseError, DatabaseSession
from wallet_runtime.wallet.domain.answers import Answer
from wallet_runtime.wallet.domain.decision import Decision
from wallet_runtime.wallet.domain.documents import Policy, Topology
from wallet_runtime.wallet.domain.reads import ReadMore, Reads
from wallet_runtime.wallet.domain.state import (
    ActivePair,
    Gate,
    PairReference,
    Request,
    State,
    Stored,
)
from wallet_runtime.wallet.store.command import command_of, encoded, parameters, state_wanted
from wallet_runtime.wallet.store.outcomes import (
    APPLIED,
    FROZEN,
    Outcome,
    confirm_done,
    read_outcome,
)
from wallet_runtime.wallet.store.player_cache import Basis, CacheEntry, PlayerStateCache
from wallet_runtime.wallet.store.refusals import refusal

ATTEMPTS_MAX = 12
ACTIVATIONS_SECONDS_MAX = 10.0
UNIQUE = "23505"
CLAIM_TABLE = "wallet_idempotency"

Decide = Callable[[State, ActivePair], Decision]
log = structlog.get_logger("wallet")
COMMANDS = Counter("wallet_commands_total", "Money commands decided.", ["command", "outcome"])
MISMATCHES = Counter(
    "wallet_idempotency_mismatch_total", "Request ids that came back with another payload."
)
STALE_RETRIES = Counter(
    "wallet_command_stale_total",
    "Commands decided again because the player or the activation had moved.",
)
GUESSES = Counter(
    "wallet_guesses_total", "New bets decided on what this copy knew of the player.", ["outcome"]
)


class PlayerNotFound(NotFound):
    """This brand has no player by this id."""

    code = "PLAYER_NOT_FOUND"


class NoActiveTopology(Unavailable):
    """No topology and policy are active, so no money can move."""

    code = "NO_ACTIVE_TOPOLOGY"


class InFlight(Conflict):
    """A request with this id is being carried out right now; ask again."""

    code = IDEMPOTENCY_IN_FLIGHT


class PairMoved(Exception):
    """Another pair was activated since the command was decided; nothing was changed."""


class PlayerMoved(Exception):
    """The player has another version than the command was decided on; nothing was changed."""


class KeyTaken(Exception):
    """Another command has claimed this request id, or holds this bet; nothing was changed."""


MOVED = {sqlstates.STALE: PlayerMoved, sqlstates.PAIR_MOVED: PairMoved, UNIQUE: KeyTaken}


class Money:
    """Carries out money commands on one database."""

    def __init__(self, database: Database) -> None:
        """Start with empty caches of players' states and of documents.

        Cached documents never expire, because a document does not change once it was active.
        """
        self.database = database
        self.player_cache = PlayerStateCache(lambda: database.generation)
        self._pairs: dict[PairReference, ActivePair] = {}

    def perform(self, request: Request, reads: Reads, decide: Decide) -> tuple[int, Answer]:
        """Carry out a command once per request id; return its HTTP status and body.

        `reads` names the rows that the rule needs beside the player's. A rule may ask for more
        rows by raising `ReadMore`.

        Raises `Maintenance` (503) under a freeze, `PlayerNotFound` (404), and `ServiceBusy` (503)
        if other commands keep changing the player. Raises `PayloadMismatch`, `InFlight` or
        `AnswerPruned` (409) for a used request id. An error is not stored as the request's answer.
        """
        with self.database.session() as session:
            known = self.player_cache.get(request) if reads.is_new_bet else None
            guessed = known and self._optimistic(session, request, known, decide)
            return guessed or self._by_reading(session, request, reads, decide)

    def _by_reading(
        self, session: DatabaseSession, request: Request, reads: Reads, decide: Decide
    ) -> tuple[int, Answer]:
        """Read, decide and apply; repeat while other commands change the player in between."""
        attempts, until = 0, time.monotonic() + ACTIVATIONS_SECONDS_MAX
        # A try that fails because another pair was activated does not count as an attempt; only the
        # deadline limits such tries.
        while attempts < ATTEMPTS_MAX and time.monotonic() < until:
            basis = self.player_cache.basis()
            state = _read(session, request, reads)
            if state.stored is not None:
                return replay(request, state.stored)
            try:
                return self._on_state(session, request, state, decide, basis)
            except ReadMore as more:
                reads = reads | more.reads
            except PairMoved:
                STALE_RETRIES.inc()
            except (PlayerMoved, KeyTaken):
                STALE_RETRIES.inc()
                attempts += 1
            except DatabaseError as error:
                raise refusal(error.sqlstate, error.message) from error
        raise ServiceBusy(
            "the player's money moved too often to decide this request;"
            " repeat it under the same request id"
        )

    def _on_state(
        self,
        session: DatabaseSession,
        request: Request,
        state: State,
        decide: Decide,
        basis: Basis,
    ) -> tuple[int, Answer]:
        """Decide a command on a state that was just read, apply it and cache the new state."""
        decision = self.decide(session, state, decide)
        outcome = _apply(session, request, state, decision)
        if outcome.outcome == APPLIED:
            self.player_cache.put(request, state, decision, basis)
        return answer(decision, outcome)

    def _optimistic(
        self, session: DatabaseSession, request: Request, known: CacheEntry, decide: Decide
    ) -> tuple[int, Answer] | None:
        """Decide a new bet on the cached state of the player, and apply it.

        Return None if the bet was not applied; the caller then reads the state. A refusal is never
        answered from the cache, because the cached state may be outdated.
        """
        state, basis = known
        assert state is not None
        result = "asked"
        try:
            decision = self.decide(session, state, decide)
            outcome = None if decision.refused else _apply(session, request, state, decision)
            if outcome is not None and outcome.outcome == APPLIED:
                result = "right"
                self.player_cache.put(request, state, decision, basis)
                return answer(decision, outcome)
        except PlayerMoved:
            result = "overtaken"
            self.player_cache.suspend(request, state)
        except (ServiceBusy, InFlight, Unavailable):
            raise
        except (ReadMore, PairMoved, KeyTaken, DatabaseError, ApiError) as left:
            log.debug("read after all", reason=type(left).__name__)
        finally:
            GUESSES.labels(result).inc()
        return None

    def look(self, request: Request) -> tuple[State, ActivePair]:
        """Read a player's state, with open stakes and locked money, and the active pair."""
        with self.database.session() as session:
            state = _read(session, request, Reads(with_open_stakes=True, with_locks=True))
            if state.player is None:
                raise PlayerNotFound
            return state, self._active_pair(session, state)

    def register(
        self,
        brand_id: UUID,
        player_id: UUID,
        currency: str,
        canary: bool,
        fence_token: int | None = None,
    ) -> str:
        """Create the player's wallet, or leave an existing one as it is; return its currency."""
        with self.database.transaction() as session:
            fence.hold(session, fence_token)
            row = session.one(
                "wallet_register_player",
                brand_id=brand_id,
                player_id=player_id,
                currency=currency,
                canary=canary,
            )
            return str(row["currency"])

    def owner_of_transaction(self, brand_id: UUID, transaction_id: UUID) -> UUID | None:
        """Return the player of a cash transaction of this brand, or None if it does not exist."""
        return self._owner(
            "wallet_player_of_transaction", brand_id=brand_id, transaction_id=transaction_id
        )

    def owner_of_adjustment(self, brand_id: UUID, adjustment_id: UUID) -> UUID | None:
        """Return the player of an adjustment of this brand, or None if it does not exist."""
        return self._owner(
            "wallet_player_of_adjustment", brand_id=brand_id, adjustment_id=adjustment_id
        )

    def _owner(self, query_name: str, **ids: UUID) -> UUID | None:
        with self.database.session() as session:
            row = session.maybe(query_name, **ids)
        return None if row is None else UUID(str(row["player_id"]))

    def decide(self, session: DatabaseSession, state: State, decide: Decide) -> Decision:
        """Decide a command by its rule, with the pair that was active when `state` was read."""
        if state.player is None:
            raise PlayerNotFound
        return decide(state, self._active_pair(session, state))

    def _active_pair(self, session: DatabaseSession, state: State) -> ActivePair:
        reference = _reference(state.gate)
        pair = self._pairs.get(reference)
        if pair is None:
            pair = self._pairs[reference] = _read_pair(session, reference)
        return pair


@cache
def money_of(database: Database) -> Money:
    """Return the one `Money` of this process for a database, so that its caches are shared."""
    return Money(database)


def _reference(gate: Gate) -> PairReference:
    if (
        gate.topology_code is None
        or gate.topology_version is None
        or gate.policy_key is None
        or gate.policy_version is None
    ):
        raise NoActiveTopology
    return PairReference(
        gate.topology_code, gate.topology_version, gate.policy_key, gate.policy_version
    )


def _read_pair(session: DatabaseSession, reference: PairReference) -> ActivePair:
    row = session.one("wallet_pair", **msgspec.structs.asdict(reference))
    return ActivePair(
        msgspec.convert(row["topology"], Topology), msgspec.convert(row["policy"], Policy)
    )


def _read(session: DatabaseSession, request: Request, reads: Reads) -> State:
    row = session.one("wallet_read_state", command=encoded(state_wanted(request, reads)))
    return msgspec.json.decode(row["state"], type=State)


def _apply(session: DatabaseSession, request: Request, state: State, decision: Decision) -> Outcome:
    """Apply a decision to the database.

    Raises `PlayerMoved`, `PairMoved` or `KeyTaken` if the decision is outdated; nothing was
    changed then.
    """
    try:
        row = session.one(
            "wallet_apply_command", **parameters(command_of(request, state, decision))
        )
    except DatabaseError as error:
        if error.sqlstate in MOVED:
            raise MOVED[error.sqlstate] from None
        raise
    except ServiceBusy as busy:
        raise InFlight if CLAIM_TABLE in busy.context else busy from busy
    failpoint.reach("wallet.after_commit")
    return read_outcome(row["outcome"])


def answer(decision: Decision, outcome: Outcome) -> tuple[int, Answer]:
    """Return the decision's HTTP status and body; raise `Maintenance` if a freeze stopped it."""
    if outcome.outcome == FROZEN:
        COMMANDS.labels(decision.command, "frozen").inc()
    confirm_done(outcome)
    COMMANDS.labels(decision.command, "refused" if decision.refused else "applied").inc()
    return decision.status, decision.body


def replay(request: Request, stored: Stored) -> tuple[int, Answer]:
    """Return the stored status and body; raise `PayloadMismatch` if the payload differs."""
    if stored.fingerprint != request.fingerprint:
        MISMATCHES.inc()
        raise PayloadMismatch
    return stored.status, stored.body
