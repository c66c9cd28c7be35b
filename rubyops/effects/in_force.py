"""Waits until a freeze is in force: fence row and every copy agree with `control` (K2)."""

import time
from collections.abc import Callable

from rubyops.effects.base import EffectContext
from rubyops.errors import TimedOut
from rubyops.model.freeze import FreezeTruth

IN_FORCE_SECONDS = 10.0
TOLD_SECONDS = 0.5
POLL_SECONDS = 0.05
UNKNOWN_CAUSE = "nobody knows by what"


def await_in_force(
    truth: Callable[[], FreezeTruth], push: Callable[[], None], context: EffectContext
) -> FreezeTruth:
    """Call `push` and poll until the wanted level is in force; report the obstacle meanwhile.

    Only the stop signal ends the wait early. The lock is not checked, because a brake run has none.
    """
    began, told = time.monotonic(), ""
    while not (found := truth()).verdict.in_force:
        waited = time.monotonic() - began
        if waited >= TOLD_SECONDS:
            told = _tell(found, told, context)
        if waited >= IN_FORCE_SECONDS:
            raise TimedOut(_late(found), details=held_up(found))
        push()
        context.stop.wait(POLL_SECONDS)
        context.stop.raise_if_set()
    return found


def _tell(found: FreezeTruth, told: str, context: EffectContext) -> str:
    """Report the first obstacle, unless it was the last one `told`; return the obstacle."""
    cause = found.held_up_by[0] if found.held_up_by else UNKNOWN_CAUSE
    if cause != told:
        context.progress(f"{found.verdict.sentence}, held up by {cause}")
    return cause


def held_up(found: FreezeTruth) -> dict[str, object]:
    """Return the details of a freeze that is not in force."""
    return {"freeze": found.verdict.word, "held_up_by": list(found.held_up_by)}


def _late(found: FreezeTruth) -> str:
    causes = "; ".join(found.held_up_by) or UNKNOWN_CAUSE
    return (
        f"money is {found.verdict.sentence} and not confirmed within {IN_FORCE_SECONDS:g} s, held "
        f"up by: {causes}. The platform goes on trying by itself; only a person takes it back."
    )
