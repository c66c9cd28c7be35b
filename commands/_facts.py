"""What several commands read or want alike."""

from typing import get_args

from rubyops.model.effect import VerificationKind
from rubyops.ports import Read

VERIFICATION_KINDS: tuple[VerificationKind, ...] = get_args(VerificationKind)
RUNNING = "running"


def running_copies(read: Read, processes: tuple[str, ...]) -> list[str]:
    """Name the copies of these processes that run, such as `rolling_worker 1`."""
    return [f"{copy.process} {copy.number}" for copy in read.copies() if copy.process in processes and copy.state == RUNNING]


def money_in_reach(read: Read) -> dict[str, str]:
    """Say per currency how many players hold how much, in minor units."""
    return {row["currency"]: f"{row['players']} players, {row['amount']} minor units" for row in read.rows("facts_money_in_reach")}
