"""Facts and effects that several commands share."""

from typing import get_args

from checks._liveness import CopyLife, liveness
from rubyops.effects.verification import VerificationKind
from rubyops.errors import Refused, Unreachable
from rubyops.ports import Read

VERIFICATION_KINDS: tuple[VerificationKind, ...] = get_args(VerificationKind)


def consumers_alive(read: Read, processes: tuple[str, ...]) -> tuple[CopyLife, ...]:
    """Return what is known of every copy of these processes.

    Raises `Unreachable` where the driver does not answer, and `Refused` where it keeps no copy of
    one of them: neither says that nothing runs.
    """
    life = liveness(read)
    if not life.driver_answers:
        raise Unreachable(
            f"Which copies of {', '.join(processes)} run cannot be told: {life.troubles[0]}",
            next_command="rubyops up",
        )
    missing = [process for process in processes if not life.of(process)]
    if missing:
        raise Refused(
            f"No copy of {', '.join(missing)} is kept here, and none reports: who consumes?",
            next_command="rubyops up",
        )
    return life.of(*processes)


def money_in_reach(read: Read) -> dict[str, str]:
    """Say per currency how many players hold how much, in minor units."""
    return {
        row["currency"]: f"{row['players']} players, {row['amount']} minor units"
        for row in read.rows("facts_money_in_reach")
    }
