"""Dead letters: events that failed, and events that wait behind a failed event."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from rubyops.ports import Read
from rubyops.views.view import Item, View, total_of


@dataclass(frozen=True)
class DeadLetter:
    """One event that a consumer has not applied. A malformed event has no type, player or number.

    `behind` is the id of the dead letter for which the event waits. `total` is the count of all
    unresolved dead letters.
    """

    dead_letter_id: int
    event_type: str | None
    reason: str
    tries: int
    error: str
    brand_id: str | None
    player_id: str | None
    event_id: str | None
    event_no: int | None
    stream: str
    entry_id: str
    set_aside_at: datetime
    replay_requested_at: datetime | None
    discard_reason: str | None
    discard_requested_by: str | None
    discard_confirmed_by: str | None
    resolved_at: datetime | None
    behind: int | None
    total: int
    consumer: str


@dataclass(frozen=True)
class DeadLettersView(View):
    """The oldest dead letters, at most `limit`, and the `total` of all dead letters."""

    schema = "rubyops.dead-letters/v1"
    letters: tuple[DeadLetter, ...]
    total: int
    limit: int

    @property
    def results(self) -> tuple[Item[DeadLetter], ...]:
        """One item for each shown dead letter."""
        return tuple(
            Item(str(letter.dead_letter_id), f"event {letter.event_id}", "ok", letter.error, letter)
            for letter in self.letters
        )

    @property
    def beside(self) -> Mapping[str, object]:
        """The count of all dead letters."""
        return {"total": self.total}


def read_dead_letters(read: Read, consumer: str | None, limit: int) -> DeadLettersView:
    """List the oldest dead letters of a consumer, or of all if it is None; at most `limit`."""
    rows = read.rows("facts_dead_letters", dead_letter_id=None, consumer=consumer, limit=limit)
    return DeadLettersView(tuple(DeadLetter(**row) for row in rows), total_of(rows), limit)
