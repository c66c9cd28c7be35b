"""Dead letters: events that failed, and those that wait behind them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from rubyops.ports import Read
from rubyops.views.view import Item, View, total_of


@dataclass(frozen=True)
class DeadLetter:
    """One event that is not applied; a malformed one tells no type, player or number.

    `behind` is the dead letter that it waits for; `total` counts all that are not resolved.
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


@dataclass(frozen=True)
class DeadLettersView(View):
    """The oldest dead letters, at most `limit`, and how many there are in all."""

    schema = "rubyops.dead-letters/v1"
    letters: tuple[DeadLetter, ...]
    total: int
    limit: int

    @property
    def results(self) -> tuple[Item[DeadLetter], ...]:
        """Every dead letter that is shown."""
        return tuple(
            Item(str(letter.dead_letter_id), f"event {letter.event_id}", "ok", letter.error, letter)
            for letter in self.letters
        )

    @property
    def beside(self) -> Mapping[str, object]:
        """The count of all."""
        return {"total": self.total}


def read_dead_letters(read: Read, limit: int) -> DeadLettersView:
    """List the oldest dead letters, at most this many."""
    rows = read.rows("facts_dead_letters", dead_letter_id=None, limit=limit)
    return DeadLettersView(tuple(DeadLetter(**row) for row in rows), total_of(rows), limit)
