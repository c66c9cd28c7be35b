"""The ids of runs."""

import secrets
import time

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_EPOCH_MS = 1_735_689_600_000  # 2025-01-01 UTC keeps the ids short


def new_run_id(now_ms: int | None = None) -> str:
    """Make a short id that sorts by time: 8 characters of milliseconds, then 4 random ones."""
    value = (now_ms if now_ms is not None else time.time_ns() // 1_000_000) - _EPOCH_MS
    stamp = "".join(_ALPHABET[(value >> shift) & 31] for shift in range(35, -1, -5))
    return "r-" + stamp + "".join(secrets.choice(_ALPHABET) for _ in range(4))
