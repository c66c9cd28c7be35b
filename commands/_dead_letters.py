"""How commands speak of events that were set aside."""

from rubyops.errors import Refused
from rubyops.ports import Read, Row

LIST = "rubyops events dead-letter list"


def find(read: Read, number: int) -> Row:
    """Find an event by its number, whatever became of it. Raises `Refused`."""
    rows = read.rows("facts_dead_letters", dead_letter_id=number, limit=1)
    if not rows:
        raise Refused(
            f"No event that was set aside has the number {number}; nothing was changed.",
            next_command=LIST,
        )
    return rows[0]


def shown(letter: Row) -> dict[str, object]:
    """Pick what a plan shows of an event."""
    return {
        name: letter[name] for name in ("event_type", "brand_id", "player_id", "tries", "error")
    }


def waits(letter: Row) -> str:
    """Say what an event that did not fail waits for."""
    who = f"Event {letter['dead_letter_id']} did not fail, it waits behind an earlier one of player {letter['player_id']}"
    if letter["behind"] is None:
        return f"{who}, which has not come yet."
    return f"{who}: replay or discard {letter['behind']}."


def resolution(letter: Row) -> str:
    """Say what became of an event that is not set aside any longer."""
    how = "discarded" if letter["discard_confirmed_by"] else "replayed"
    return f"event {letter['event_id']} was {how} at {letter['resolved_at']}"
