"""The ids of runs."""

import secrets
import time

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_EPOCH_MS = 1_735_689_600_000  # 2025-01-01 UTC keeps the ids short


def new_run_id(now_ms: int | None = None) -> str:
    """Make a short id that sorts by time: 8 characters of milliseconds, then 4 random ones."""
    now = now_ms if now_ms is not None else time.time_ns() // 1_000_000
    chance = "".join(secrets.choice(_ALPHABET) for _ in range(4))
    return f"r-{_in_base_32(now - _EPOCH_MS)}{chance}"


def _in_base_32(value: int) -> str:
    return "".join(_ALPHABET[(value >> shift) & 31] for shift in range(35, -1, -5))
