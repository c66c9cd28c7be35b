"""Finds sessions that lock the wallet's tables, and the command that ends each session (K2)."""

from rubyops.errors import RubyopsError
from rubyops.ports import Read, Row

GATE = "wallet_gate"
FENCE = "wallet_fence"
OUTBOX = "wallet_outbox"
# Locks that block no freeze and no drain, by table: those of readers, and those that the outbox
# publisher takes.
HARMLESS = {
    GATE: ("AccessShareLock",),
    FENCE: ("AccessShareLock",),
    OUTBOX: ("AccessShareLock", "RowShareLock", "ShareLock"),
}
# A money command takes a few milliseconds, so a transaction older than this is reported.
HOLDER_SECONDS = 0.5


def holders(read: Read, table: str, older_seconds: float = HOLDER_SECONDS) -> list[Row]:
    """List the sessions with blocking locks, the root cause first. Raises `Unreachable`."""
    harmless = list(HARMLESS[table])
    return read.rows(
        "facts_lock_holders", tables=[table], harmless=harmless, older_seconds=older_seconds
    )


def held_by(read: Read, table: str) -> tuple[str, ...]:
    """Return a sentence for each session or prepared transaction that blocks the table.

    Never raises: the result is empty if the database does not answer.
    """
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
