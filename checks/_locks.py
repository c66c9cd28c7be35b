"""Names the sessions that hold locks on the wallet's tables, with the line that ends each (K2)."""

from rubyops.errors import RubyopsError
from rubyops.ports import Read, Row

GATE = "wallet_gate"
FENCE = "wallet_fence"
OUTBOX = "wallet_outbox"
# Locks that do not stand in the way: of readers; for the outbox, of its publisher, too.
HARMLESS = {
    GATE: ("AccessShareLock",),
    FENCE: ("AccessShareLock",),
    OUTBOX: ("AccessShareLock", "RowShareLock", "ShareLock"),
}
# A money command is done in a few milliseconds; an older session holds things up.
HOLDER_SECONDS = 0.5


def holders(read: Read, table: str, older_seconds: float = HOLDER_SECONDS) -> list[Row]:
    """List sessions whose locks stand in the way, the first cause first. Raises `Unreachable`."""
    harmless = list(HARMLESS[table])
    return read.rows(
        "facts_lock_holders", tables=[table], harmless=harmless, older_seconds=older_seconds
    )


def held_by(read: Read, table: str) -> tuple[str, ...]:
    """Say who holds the table, in words; empty where nobody can be seen. Never raises."""
    try:
        rows = holders(read, table)
        prepared = read.rows("facts_prepared_holders", tables=[table])
    except RubyopsError:
        return ()
    environment = read.environment.name
    return (*(_session(row, environment) for row in rows), *map(_prepared, prepared))


def _session(row: Row, environment: str) -> str:
    return (
        f"database session {row['pid']} of {row['application']} ({row['role']}), in a transaction "
        f"for {row['age_seconds']:.1f} s, {row['state']}: {row['query']}; "
        f"to end it: rubyops sessions end {row['pid']} -e {environment}"
    )


def _prepared(row: Row) -> str:
    return (
        f"prepared transaction {row['gid']} of {row['owner']}, {row['age_seconds']} s old; "
        f"to end it in psql: ROLLBACK PREPARED '{row['gid']}'"
    )
