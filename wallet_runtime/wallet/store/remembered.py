"""What a copy of wallet_service knows of a player without asking: the state that its own last command left.

A bet decided on it saves the read, and nothing rests on its being true: `wallet.apply_command` compares the player's version and the
activation, and claims the request id, whatever a decision was made on. A state that was overtaken is a wasted try, so that a player whom
another copy serves as well is not guessed for a while.
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
# How long a state is believed after it was read, however many commands have followed; and how long a player is not guessed.
KEPT_SECONDS = 60.0
OTHER_KINDS = (f"{GRANT}/", "CASH/")


class Basis(NamedTuple):
    """What a state rests on: when something was last read for it (seconds of the clock), and over which generation of connections."""

    read_at: float
    generation: int


class Known(NamedTuple):
    """A player's state, or None for one who is not to be guessed."""

    state: State | None
    basis: Basis


class Remembered:
    """The states of the players that were served last, at most `PLAYERS_MAX`; safe for the threads of one process.

    Only a player without coupon grants is remembered: a grant lapses by the clock, which moves no version.
    """

    def __init__(
        self, generation: Callable[[], int], clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Begin with nothing. `generation` grows when a connection was made: behind it may be another database than before."""
        self._generation, self._clock = generation, clock
        self._lock = threading.Lock()
        self._known: OrderedDict[tuple[UUID, UUID], Known] = OrderedDict()

    def basis(self) -> Basis:
        """Return what a state rests on that is read now."""
        return Basis(self._clock(), self._generation())

    def guess(self, request: Request) -> Known | None:
        """Return the state that the player was left in, if this copy was the last to move him as far as it knows."""
        with self._lock:
            known = self._known.get(_key(request))
        return (
            known
            if known is not None and known.state is not None and self._holds(known.basis)
            else None
        )

    def keep(self, request: Request, state: State, decision: Decision, basis: Basis) -> None:
        """Remember what an applied decision made of the state that it was made on, as long as that is believed."""
        if state.grants or decision.grants_opened:
            self.forget(request)
            return
        after = _after(state, decision)
        with self._lock:
            known = self._known.get(_key(request))
            if (
                known is None
                or not self._holds(known.basis)
                or (known.state is not None and _version(known.state) <= _version(state))
            ):
                self._put(request, Known(after, basis))

    def distrust(self, request: Request, overtaken: State) -> None:
        """Note that somebody else moved the player, unless another command of this copy has touched what is known of him since."""
        with self._lock:
            known = self._known.get(_key(request))
            if (
                known is not None
                and known.state is not None
                and _version(known.state) <= _version(overtaken)
            ):
                self._put(request, Known(None, self.basis()))

    def forget(self, request: Request) -> None:
        """Read the player again before his next command."""
        with self._lock:
            known = self._known.get(_key(request))
            if known is not None and known.state is not None:
                del self._known[_key(request)]

    def _holds(self, basis: Basis) -> bool:
        return (
            basis.generation == self._generation() and self._clock() < basis.read_at + KEPT_SECONDS
        )

    def _put(self, request: Request, known: Known) -> None:
        self._known[_key(request)] = known
        self._known.move_to_end(_key(request))
        if len(self._known) > PLAYERS_MAX:
            self._known.popitem(last=False)


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
