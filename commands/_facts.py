"""Facts that several commands share."""

from typing import get_args

from rubyops.effects.verification import VerificationKind
from rubyops.errors import Refused, Unreachable
from rubyops.ports import Read
from rubyops.readings.liveness import CopyLife, Liveness, liveness

VERIFICATION_KINDS: tuple[VerificationKind, ...] = get_args(VerificationKind)


def consumers_alive(read: Read, processes: tuple[str, ...]) -> tuple[CopyLife, ...]:
    """Return the liveness of every copy of these processes.

    Raises `Unreachable` when the driver does not answer. Raises `Refused` when a process has no
    copy at all. In both cases the caller must not conclude that nothing runs.
    """
    life = liveness(read)
    if not life.driver_answers:
        raise Unreachable(
            f"Which copies of {', '.join(processes)} run cannot be told: {life.troubles[0]}",
            next_command="rubyops up",
        )
    _refuse_missing(life, processes)
    return life.of(*processes)


def _refuse_missing(life: Liveness, processes: tuple[str, ...]) -> None:
    missing = [process for process in processes if not life.of(process)]
    if missing:
        raise Refused(
            f"No copy of {', '.join(missing)} is kept here, and none reports: who consumes?",
            next_command="rubyops up",
        )


def money_in_reach(read: Read) -> dict[str, str]:
    """Return a text per currency: the number of players and their total in minor units."""
    return {
        row["currency"]: f"{row['players']} players, {row['amount']} minor units"
        for row in read.rows("facts_money_in_reach")
    }
