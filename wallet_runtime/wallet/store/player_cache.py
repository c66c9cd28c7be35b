"""A cache of players' states: each entry is the result of this process's last command on a player.

A new bet that is decided on a cached state needs no read. An outdated entry does no harm:
`wallet.apply_command` compares the player's version and the activation number, and refuses. But the
try is wasted. So the cache skips a player for a while after another process changed the player.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple
from uuid import UUID

import msgspec

from wallet_runtime.wallet.domain.decision import Decision
from wallet_runtime.wallet.domain.documents import GRANT
from wallet_runtime.wallet.domain.state import Request, State

PLAYERS_MAX = 10_000
# How long a cached state is used, and how long a player is skipped after `suspend`.
KEPT_SECONDS = 60.0
OTHER_KINDS = (f"{GRANT}/", "CASH/")


class Basis(NamedTuple):
    """The time of a read in seconds of the clock, and the database's connection count then."""

    read_at: float
    generation: int


class CacheEntry(NamedTuple):
    """A player's cached state, or None while the player is suspended."""

    state: State | None
    basis: Basis


class PlayerStateCache:
    """States of the last `PLAYERS_MAX` players that had a command; safe for threads.

    Players with coupon grants are not cached: a grant expires without a change of the player's
    version, so an outdated state would not be noticed.
    """

    def __init__(
        self, generation: Callable[[], int], clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Begin with an empty cache.

        `generation` returns the number of connections made so far. A new connection may lead to
        another server, so entries from before it are not used.
        """
        self._generation, self._clock = generation, clock
        self._lock = threading.Lock()
        self._entries: OrderedDict[tuple[UUID, UUID], CacheEntry] = OrderedDict()

    def basis(self) -> Basis:
        """Return the time and connection count of a read that begins now."""
        return Basis(self._clock(), self._generation())

    def get(self, request: Request) -> CacheEntry | None:
        """Return the player's entry; None if it is missing, expired or suspended."""
        with self._lock:
            entry = self._entries.get(_key(request))
        if entry is None or entry.state is None or not self._holds(entry.basis):
            return None
        return entry

    def put(self, request: Request, state: State, decision: Decision, basis: Basis) -> None:
        """Store the state that results from applying `decision` to `state`."""
        if state.grants or decision.grants_opened:
            self.forget(request)
            return
        after = _after(state, decision)
        with self._lock:
            entry = self._entries.get(_key(request))
            if entry is None or not self._holds(entry.basis) or _is_older(entry, state):
                self._store(request, CacheEntry(after, basis))

    def suspend(self, request: Request, overtaken: State) -> None:
        """Skip this player for a while, because another process has changed the player.

        An entry newer than `overtaken` stays: another command of this process stored it meanwhile.
        """
        with self._lock:
            entry = self._entries.get(_key(request))
            if entry is not None and _is_older(entry, overtaken):
                self._store(request, CacheEntry(None, self.basis()))

    def forget(self, request: Request) -> None:
        """Drop the player's state, so that the next command reads it."""
        with self._lock:
            entry = self._entries.get(_key(request))
            if entry is not None and entry.state is not None:
                del self._entries[_key(request)]

    def _holds(self, basis: Basis) -> bool:
        return (
            basis.generation == self._generation() and self._clock() < basis.read_at + KEPT_SECONDS
        )

    def _store(self, request: Request, entry: CacheEntry) -> None:
        self._entries[_key(request)] = entry
        self._entries.move_to_end(_key(request))
        if len(self._entries) > PLAYERS_MAX:
            self._entries.popitem(last=False)


def _key(request: Request) -> tuple[UUID, UUID]:
    return request.brand_id, request.player_id


def _is_older(entry: CacheEntry, state: State) -> bool:
    """Tell whether the entry has a state that is not newer than `state`."""
    return entry.state is not None and _version(entry.state) <= _version(state)


def _version(state: State) -> int:
    return state.player.version if state.player is not None else -1


def _after(state: State, decision: Decision) -> State:
    assert state.player is not None
    player = msgspec.structs.replace(state.player, version=state.player.version + 1)
    return State(
        gate=state.gate,
        buckets=_buckets_after(state, decision),
        player=player,
        had_grants=state.had_grants,
    )


def _buckets_after(state: State, decision: Decision) -> dict[str, int]:
    buckets = dict(state.buckets)
    for leg in decision.legs:
        if "/" in leg.account and not leg.account.startswith(OTHER_KINDS):
            buckets[leg.account] = buckets.get(leg.account, 0) + leg.delta
    return buckets
