"""The states of players that a copy of wallet_service knows by its own last commands.

A bet decided on such a state saves the read. Nothing rests on its being true:
`wallet.apply_command` compares the player's version and the activation, and claims the request id.
An overtaken state is a wasted try, so a player whom another copy serves as well is suspended for a
while.
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
# How long a state is believed after it was read, and how long a player is suspended.
KEPT_SECONDS = 60.0
OTHER_KINDS = (f"{GRANT}/", "CASH/")


class Basis(NamedTuple):
    """When a state was read, in seconds of the clock, and over which generation of connections."""

    read_at: float
    generation: int


class CacheEntry(NamedTuple):
    """A player's state, or None for a suspended player."""

    state: State | None
    basis: Basis


class PlayerStateCache:
    """The states of the players that were served last, at most `PLAYERS_MAX`; safe for threads.

    A player with coupon grants is left out: a grant lapses by the clock, which moves no version.
    """

    def __init__(
        self, generation: Callable[[], int], clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Begin empty.

        `generation` grows with every connection: it may lead to another database.
        """
        self._generation, self._clock = generation, clock
        self._lock = threading.Lock()
        self._entries: OrderedDict[tuple[UUID, UUID], CacheEntry] = OrderedDict()

    def basis(self) -> Basis:
        """Return the basis of a state that is read now."""
        return Basis(self._clock(), self._generation())

    def get(self, request: Request) -> CacheEntry | None:
        """Return the player's state; None if it is unknown, no longer believed, or suspended."""
        with self._lock:
            entry = self._entries.get(_key(request))
        if entry is None or entry.state is None or not self._holds(entry.basis):
            return None
        return entry

    def put(self, request: Request, state: State, decision: Decision, basis: Basis) -> None:
        """Keep the state that an applied decision has made of the one it was made on."""
        if state.grants or decision.grants_opened:
            self.forget(request)
            return
        after = _after(state, decision)
        with self._lock:
            entry = self._entries.get(_key(request))
            if (
                entry is None
                or not self._holds(entry.basis)
                or (entry.state is not None and _version(entry.state) <= _version(state))
            ):
                self._store(request, CacheEntry(after, basis))

    def suspend(self, request: Request, overtaken: State) -> None:
        """Answer nothing for this player for a while: another copy moved the player.

        A newer state stays: another command of this copy has put it since.
        """
        with self._lock:
            entry = self._entries.get(_key(request))
            if (
                entry is not None
                and entry.state is not None
                and _version(entry.state) <= _version(overtaken)
            ):
                self._store(request, CacheEntry(None, self.basis()))

    def forget(self, request: Request) -> None:
        """Have the player read again before the next command."""
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


def _version(state: State) -> int:
    return state.player.version if state.player is not None else -1


def _after(state: State, decision: Decision) -> State:
    assert state.player is not None
    buckets = dict(state.buckets)
    for leg in decision.legs:
        if "/" in leg.account and not leg.account.startswith(OTHER_KINDS):
            buckets[leg.account] = buckets.get(leg.account, 0) + leg.delta
    player = msgspec.structs.replace(state.player, version=state.player.version + 1)
    return State(gate=state.gate, buckets=buckets, player=player, had_grants=state.had_grants)
