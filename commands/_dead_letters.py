"""Finds dead letters for commands, and describes them in messages."""

from rubyops.errors import Refused, UsageError
from rubyops.ports import Read, Row
from wallet_runtime.contract.consumers import WALLET_CONSUMERS, Consumer

LIST = "rubyops events dead-letter list"
WHOSE = "the schema of its consumer; it may be left out while there is one consumer"
BLOCKED = "HELD_UP"  # the reason of a dead letter that waits behind an earlier one


def consumer_named(schema: str) -> Consumer:
    """Return the consumer with this schema, or the only consumer for "". Raises `UsageError`."""
    if not schema and len(WALLET_CONSUMERS) == 1:
        return next(iter(WALLET_CONSUMERS.values()))
    if schema not in WALLET_CONSUMERS:
        raise UsageError(f"say whose event it is: --consumer {'|'.join(WALLET_CONSUMERS)}")
    return WALLET_CONSUMERS[schema]


def find(read: Read, consumer: Consumer, number: int) -> Row:
    """Find a dead letter by its number, also a resolved one. Raises `Refused`."""
    rows = read.rows("facts_dead_letters", dead_letter_id=number, consumer=consumer.schema, limit=1)
    if not rows:
        raise Refused(
            f"No event that was set aside has the number {number}; nothing was changed.",
            next_command=LIST,
        )
    return rows[0]


def shown(letter: Row) -> dict[str, object]:
    """Return the fields that a plan shows."""
    return {
        name: letter[name] for name in ("event_type", "brand_id", "player_id", "tries", "error")
    }


def waits(letter: Row) -> str:
    """Return a message that says which event a BLOCKED dead letter waits for."""
    who = (
        f"Event {letter['dead_letter_id']} did not fail, it waits behind an earlier one of "
        f"player {letter['player_id']}"
    )
    if letter["behind"] is None:
        return f"{who}, which has not come yet."
    return f"{who}: replay or discard {letter['behind']}."


def resolution(letter: Row) -> str:
    """Return a message that says how a dead letter was resolved."""
    how = "discarded" if letter["discard_confirmed_by"] else "replayed"
    return f"event {letter['event_id']} was {how} at {letter['resolved_at']}"
