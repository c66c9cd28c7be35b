"""Answers of the SQL functions that write: one outcome a command.

`tests/wallet_runtime/wallet/test_boundaries.py` compares names and words with the SQL text.
"""

from typing import Literal

from msgspec import Struct, convert

from wallet_runtime.plumbing.errors import Maintenance, PayloadMismatch

APPLIED, FROZEN, FAILED = "applied", "frozen", "failed"
MISMATCH, TAKEN = "mismatch", "taken"
FROZEN_RETRY_SECONDS = 5


class Outcome(Struct, frozen=True):
    """How a write ended. A `failed` one of a batch says by which error.

    A `frozen` one at which level.
    """

    outcome: Literal["applied", "frozen", "failed", "kept", "made", "repeated", "mismatch", "taken"]
    level: str = ""
    sqlstate: str = ""
    message: str = ""
    context: str = ""


def read_outcome(answered: object) -> Outcome:
    """Type one outcome."""
    return convert(answered, Outcome)


def read_outcomes(answered: object) -> list[Outcome]:
    """Type the outcomes of a batch."""
    return convert(answered, list[Outcome])


def confirm_done(outcome: Outcome) -> None:
    """Raise `Maintenance` (503) under a freeze, `PayloadMismatch` (409) for another payload."""
    if outcome.outcome == FROZEN:
        raise Maintenance(details={"freeze_level": outcome.level}, retry_after=FROZEN_RETRY_SECONDS)
    if outcome.outcome == MISMATCH:
        raise PayloadMismatch
