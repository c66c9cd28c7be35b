"""How far the events of each player are applied, as one copy of a consumer remembers it.

Only the claim in the database decides whether an event is applied. This memory saves claims for
events that cannot be applied now.
"""

import time
from collections.abc import Callable
from uuid import UUID

from wallet_runtime.plumbing.events.envelope import StreamEvent
from wallet_runtime.plumbing.runtime.health import OK

EARLY_SECONDS_MAX = 5.0
FIRST_RETRY_SECONDS = 0.05

Owner = tuple[UUID, UUID]  # brand id and player id of an event


class PlayerOrder:
    """The position of each player, players with early events, and retry times of failed events."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Start without any player."""
        self._clock = clock
        self._positions: dict[Owner, int] = {}
        self._early_since: dict[Owner, float] = {}
        self._retry_at: dict[UUID, float] = {}

    def is_applied(self, event: StreamEvent) -> bool:
        """Return whether the event is known to be applied."""
        return event.event_no <= self._positions.get(event.owner, 0)

    def is_early(self, event: StreamEvent) -> bool:
        """Return whether the event is known to wait for an earlier event of its player."""
        position = self._positions.get(event.owner)
        return (
            position is not None
            and event.event_no > position + 1
            and event.owner in self._early_since
        )

    def rests(self, event: StreamEvent) -> bool:
        """Return whether the event failed and its retry is not due yet."""
        return self._retry_at.get(event.event_id, 0.0) > self._clock()

    def put_off(self, event: StreamEvent, tries: int) -> None:
        """Delay the retry of an event that failed `tries` times; each failure doubles the delay."""
        self._retry_at[event.event_id] = self._clock() + FIRST_RETRY_SECONDS * 2.0**tries

    def finish(self, event: StreamEvent) -> None:
        """Forget the retry time of an event."""
        self._retry_at.pop(event.event_id, None)

    def reached(self, event: StreamEvent, position: int) -> None:
        """Remember that the player's events are applied up to the number `position`."""
        self._positions[event.owner] = position

    def begin_wait(self, event: StreamEvent) -> None:
        """Store the time since which the player's events wait for an earlier event."""
        self._early_since.setdefault(event.owner, self._clock())

    def end_wait(self, event: StreamEvent) -> None:
        """Note that the player's events do not wait for an earlier event."""
        self._early_since.pop(event.owner, None)

    def forget_positions(self) -> None:
        """Forget the positions, so that the next claims read them from the database."""
        self._positions.clear()

    def forget_players(self) -> None:
        """Forget positions and waits, because this copy holds other partitions now."""
        self._positions.clear()
        self._early_since.clear()

    def health(self) -> str:
        """Return "ok", or how many players have events that wait for a missing earlier event."""
        now = self._clock()
        waits = [now - since for since in tuple(self._early_since.values())]
        if not waits or max(waits) < EARLY_SECONDS_MAX:
            return OK
        return (
            f"events of {len(waits)} players wait for an earlier one that has not come, "
            f"for {max(waits):.0f} s at most"
        )
