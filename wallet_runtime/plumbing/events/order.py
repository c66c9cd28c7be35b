"""How far each player's events are, as one copy of a consumer remembers it between turns.

The claim alone decides. What stands here spares it for events that cannot be claimed now.
"""

import time
from collections.abc import Callable
from uuid import UUID

from wallet_runtime.plumbing.events.envelope import StreamEvent
from wallet_runtime.plumbing.runtime.health import OK

EARLY_SECONDS_MAX = 5.0
FIRST_RETRY_SECONDS = 0.05

Owner = tuple[UUID, UUID]  # the brand and the player whose event it is


class PlayerOrder:
    """Positions of players, events that came too early, and when a failed one is due again."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Know of no player yet."""
        self._clock = clock
        self._positions: dict[Owner, int] = {}
        self._early_since: dict[Owner, float] = {}
        self._retry_at: dict[UUID, float] = {}

    def is_applied(self, event: StreamEvent) -> bool:
        """Say whether the event is known to be applied."""
        return event.event_no <= self._positions.get(event.owner, 0)

    def is_early(self, event: StreamEvent) -> bool:
        """Say whether the event is known to wait for an earlier one of its player."""
        position = self._positions.get(event.owner)
        return (
            position is not None
            and event.event_no > position + 1
            and event.owner in self._early_since
        )

    def rests(self, event: StreamEvent) -> bool:
        """Say whether the event failed and is not due yet."""
        return self._retry_at.get(event.event_id, 0.0) > self._clock()

    def put_off(self, event: StreamEvent, tries: int) -> None:
        """Let an event that failed `tries` times rest; each failure doubles its rest."""
        self._retry_at[event.event_id] = self._clock() + FIRST_RETRY_SECONDS * 2.0**tries

    def finish(self, event: StreamEvent) -> None:
        """Forget when a failed event is due."""
        self._retry_at.pop(event.event_id, None)

    def reached(self, event: StreamEvent, position: int) -> None:
        """Remember up to which number the player's events are applied."""
        self._positions[event.owner] = position

    def begin_wait(self, event: StreamEvent) -> None:
        """Remember since when the player's events wait for an earlier one."""
        self._early_since.setdefault(event.owner, self._clock())

    def end_wait(self, event: StreamEvent) -> None:
        """Note that nothing of the player waits for an earlier event."""
        self._early_since.pop(event.owner, None)

    def forget_positions(self) -> None:
        """Ask the database again how far every player is."""
        self._positions.clear()

    def forget_players(self) -> None:
        """Forget positions and waits, as after other partitions became this copy's."""
        self._positions.clear()
        self._early_since.clear()

    def health(self) -> str:
        """Say "ok", or how many players' events wait for one that the stream does not bring."""
        now = self._clock()
        waits = [now - since for since in tuple(self._early_since.values())]
        if not waits or max(waits) < EARLY_SECONDS_MAX:
            return OK
        return (
            f"events of {len(waits)} players wait for an earlier one that has not come, "
            f"for {max(waits):.0f} s at most"
        )
