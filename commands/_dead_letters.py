"""How commands speak of events that were set aside."""

from rubyops.ports import Row

LIST = "rubyops events dead-letter list"


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
