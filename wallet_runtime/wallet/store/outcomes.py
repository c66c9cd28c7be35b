"""The outcomes that SQL functions return for a write, one per command.

`tests/wallet_runtime/wallet/test_boundaries.py` compares the names and values with the SQL text.
"""

from typing import Literal

from msgspec import Struct, convert

from wallet_runtime.plumbing.errors import Maintenance, PayloadMismatch
from wallet_runtime.plumbing.runtime.database import Database, DatabaseError
from wallet_runtime.wallet.store.refusals import refusal

APPLIED, FROZEN, FAILED = "applied", "frozen", "failed"
MISMATCH, TAKEN = "mismatch", "taken"
FROZEN_RETRY_SECONDS = 5


class Outcome(Struct, frozen=True):
    """The result of a write.

    `level` is the freeze level of a `frozen` outcome. `sqlstate`, `message` and `context` are the
    error of a `failed` outcome, which occurs only in a batch.
    """

    outcome: Literal["applied", "frozen", "failed", "kept", "made", "repeated", "mismatch", "taken"]
    level: str = ""
    sqlstate: str = ""
    message: str = ""
    context: str = ""


def read_outcome(answered: object) -> Outcome:
    """Convert a decoded JSON object to an `Outcome`."""
    return convert(answered, Outcome)


def read_outcomes(answered: object) -> list[Outcome]:
    """Convert the decoded JSON array of a batch to `Outcome`s."""
    return convert(answered, list[Outcome])


def confirm_done(outcome: Outcome) -> None:
    """Raise `Maintenance` (503) for a `frozen` outcome, `PayloadMismatch` (409) for `mismatch`."""
    if outcome.outcome == FROZEN:
        raise Maintenance(details={"freeze_level": outcome.level}, retry_after=FROZEN_RETRY_SECONDS)
    if outcome.outcome == MISMATCH:
        raise PayloadMismatch


def write(database: Database, query_name: str, **values: str) -> Outcome:
    """Run one statement that writes and returns an outcome.

    Raises as `confirm_done` and `refusals.refusal` say.
    """
    try:
        with database.session() as session:
            row = session.one(query_name, **values)
    except DatabaseError as error:
        raise refusal(error.sqlstate, error.message) from error
    outcome = read_outcome(row["outcome"])
    confirm_done(outcome)
    return outcome
