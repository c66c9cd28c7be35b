"""What a copy of wallet_service knows of a player without asking: the state that its own last command left.

A bet decided on it saves the read, and nothing rests on its being true: `wallet.apply_command` compares the player's version and the
activation, and claims the request id, whatever a decision was made on. A state that was overtaken is a wasted try, so that a player whom
another copy serves as well is not guessed for a while.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from uuid import UUID

import msgspec

from wallet_runtime.wallet.domain.decision import Decision
from wallet_runtime.wallet.domain.documents import GRANT
from wallet_runtime.wallet.domain.state import Request, State

PLAYERS_MAX = 10_000
# How long a state is believed, so that none outlives a database that was put back to an earlier time; and how long none is.
KEPT_SECONDS = 60.0
OTHER_KINDS = (f"{GRANT}/", "CASH/")

Key = tuple[UUID, UUID]


class Remembered:
    """The states of the players that were served last, at most `PLAYERS_MAX`; safe for the threads of one process.

    Only a player without coupon grants is remembered: a grant lapses by the clock, which moves no version.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin with nothing; `clock` gives seconds."""
        self._clock = clock
        self._lock = threading.Lock()
        # A state, or None for a player who is not to be guessed; and until when.
        self._known: OrderedDict[Key, tuple[State | None, float]] = OrderedDict()

    def guess(self, request: Request) -> State | None:
        """Return the state that the player was left in, if this copy was the last to move him as far as it knows."""
        with self._lock:
            state, until = self._known.get(_key(request), (None, 0.0))
        return state if self._clock() < until else None

    def keep(self, request: Request, state: State, decision: Decision) -> None:
        """Remember what an applied decision made of the state that it was made on."""
        after = None if state.grants or decision.grants_opened else _after(state, decision)
        key, now = _key(request), self._clock()
        with self._lock:
            known = self._known.get(key)
            if known is not None and known[0] is None and now < known[1]:
                return
            self._known.pop(key, None)
            if after is not None:
                self._put(key, after, now)

    def distrust(self, request: Request) -> None:
        """Note that somebody else has moved the player: he is read for every command until that is a while ago."""
        with self._lock:
            self._put(_key(request), None, self._clock())

    def forget(self, request: Request) -> None:
        """Read the player again before his next command."""
        with self._lock:
            self._known.pop(_key(request), None)

    def clear(self) -> None:
        """Forget everybody: what answers after a connection was lost may be another database than before."""
        with self._lock:
            self._known.clear()

    def _put(self, key: Key, state: State | None, now: float) -> None:
        self._known[key] = (state, now + KEPT_SECONDS)
        self._known.move_to_end(key)
        if len(self._known) > PLAYERS_MAX:
            self._known.popitem(last=False)


def _key(request: Request) -> Key:
    return request.brand_id, request.player_id


def _after(state: State, decision: Decision) -> State:
    assert state.player is not None
    buckets = dict(state.buckets)
    for leg in decision.legs:
        if "/" in leg.account and not leg.account.startswith(OTHER_KINDS):
            buckets[leg.account] = buckets.get(leg.account, 0) + leg.delta
    player = msgspec.structs.replace(state.player, version=state.player.version + 1)
    return State(gate=state.gate, buckets=buckets, player=player)
