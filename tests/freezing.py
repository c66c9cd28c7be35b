"""Sets the freeze level in a test's fence row with the functions that the platform uses."""

from typing import Any

import psycopg

from wallet_runtime.contract.freeze import FREEZE_LEVELS, OPEN


def set_fence_row(
    operator: psycopg.Connection[Any], level: str, epoch: int, token: int = 1
) -> None:
    """Raise or lower the level under `epoch`; after a raise, settle the epoch."""
    row = operator.execute("SELECT freeze_level FROM wallet.wallet_gate").fetchone()
    assert row is not None
    present = row["freeze_level"] if isinstance(row, dict) else row[0]
    if level == OPEN or FREEZE_LEVELS.index(level) < FREEZE_LEVELS.index(present):
        verified = "(SELECT change_no FROM wallet.wallet_fence)"
        line = f"SELECT wallet.lower_freeze(%s, %s, %s, {verified})"
        operator.execute(line.encode(), [token, level, epoch])
        return
    operator.execute("SELECT wallet.raise_freeze(%s, %s)", [level, epoch])
    operator.execute("SELECT wallet.settle_freeze(%s, 1000)", [epoch])
