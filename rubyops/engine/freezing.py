"""Carries out what changes the freeze, and waits until what was asked for is in force (K2, K4)."""

import time
from collections.abc import Callable
from dataclasses import asdict
from itertools import count

from rubyops.engine.charge import FENCE, holders_of
from rubyops.engine.hands import EffectContext
from rubyops.engine.journal.lines import FreezeTakenOver
from rubyops.engine.report import Outcome
from rubyops.errors import LockLost, Overruled, Refused, RubyopsError, TimedOut
from rubyops.model import effect as e
from rubyops.model.freeze import FreezeChange, FreezeTruth
from rubyops.model.platform_state import differences
from rubyops.ports import EffectIdentity
from wallet_runtime.contract import OPEN
from wallet_runtime.contract.freeze import patience_ms

IN_FORCE_SECONDS = 10.0
TOLD_SECONDS = 0.5
LOOK_SECONDS = 0.05


def raise_freeze(effect: e.RaiseFreeze, mark: EffectIdentity, hands: EffectContext) -> Outcome:
    """Raise the level in `control`, then push it into the fence row until it is in force."""
    change = hands.tools.control.raise_freeze(mark, effect.level, effect.reason)
    _refuse_another(change)
    found = _push(change, hands)
    words = f"money is {found.verdict.sentence} at epoch {change.epoch}, {_copies(found)}"
    if not change.applied:
        return Outcome("noop", f"already so: {words}", _details(change, found))
    return Outcome("ok", words, _details(change, found))


def take_over(effect: e.TakeOverFreeze, mark: EffectIdentity, hands: EffectContext) -> Outcome:
    """Take over a freeze; its level stays in force under the new epoch."""
    change = hands.tools.control.take_over_freeze(mark, effect.from_run)
    _refuse_another(change)
    _tell_taken_over(effect.from_run, mark, hands)
    found = _push(change, hands) if change.level != OPEN else hands.tools.freeze()
    words = f"the freeze of run {effect.from_run} is this run's now"
    return Outcome("ok", words, _details(change, found))


def lift_freeze(effect: e.LiftFreeze, mark: EffectIdentity, hands: EffectContext) -> Outcome:
    """Lift the own layers; what others set stays in force and is named.

    The proof is compared here, in `control` and in the fence row: a resume brings an old one.
    """
    _refuse_unproven(effect, hands)
    try:
        verified = effect.change_no("control")
        change = hands.tools.control.lift_freeze(mark, effect.reason, effect.take_over, verified)
    except (LockLost, Overruled):
        raise
    except Refused as refusal:
        raise _of_others(refusal, hands) from refusal
    _refuse_another(change)
    if effect.take_over and change.applied:
        _tell_taken_over(effect.take_over, mark, hands)
    _lower(change, effect.change_no("platform"), mark, hands)
    found = _await_in_force(hands, lambda: None)
    words = f"money is {found.verdict.sentence} at epoch {change.epoch}, {_copies(found)}"
    if found.layers:
        words = f"the own freeze is lifted, and {words}: {'; '.join(hands.tools.whose(found))}"
    return Outcome("ok", words, _details(change, found))


def _refuse_unproven(effect: e.LiftFreeze, hands: EffectContext) -> None:
    if not effect.proof:
        return
    now = hands.tools.state()
    changed = differences(effect.proof, now)
    # A repeat of a lift that got through finds nothing frozen, under its own epoch.
    if changed and now["freeze"]["level"] != OPEN:
        found = hands.tools.freeze()
        raise Overruled(
            f"the platform changed since it was verified: {'; '.join(changed)}. Money stays {found.verdict.sentence}",
            next_command="rubyops verify",
            details={"changed": changed},
        )


def _lower(
    change: FreezeChange, verified: int | None, mark: EffectIdentity, hands: EffectContext
) -> None:
    try:
        hands.tools.operate.lower_freeze(mark, change.level, change.epoch, verified)
    except TimedOut as late:
        raise TimedOut(
            f"{late.message}. Money is {hands.tools.freeze().verdict.sentence}, held up by: "
            f"{holders_of(FENCE, hands.tools)}. A resume goes on if the platform is still as it was verified",
            details=late.details,
        ) from late


def _tell_taken_over(from_run: str, mark: EffectIdentity, hands: EffectContext) -> None:
    hands.remark(from_run, FreezeTakenOver(by_run=mark.run_id, by=mark.by))


def _of_others(refusal: Refused, hands: EffectContext) -> Refused:
    found = hands.tools.freeze()
    runs = [layer.taken_over_by or layer.run_id for layer in found.layers]
    line = f"rubyops thaw --take-over {runs[0] if runs else 'RUN'}"
    return Refused(
        f"{refusal.message}; money stays {found.verdict.sentence}: "
        f"{'; '.join(hands.tools.whose(found))}. A freeze of a run that has ended is lifted by "
        f"name: {line} -e {hands.tools.read.environment.name}",
        next_command=line,
        details={"runs": runs},
    )


def _refuse_another(change: FreezeChange) -> None:
    """Refuse a repeat that finds another freeze than the one that this effect made (K18)."""
    if not change.applied and change.epoch != change.present:
        raise Refused(
            f"this effect changed the freeze at epoch {change.epoch}, and somebody changed it since "
            f"(now {change.level} at epoch {change.present}): this run goes no further",
            next_command="rubyops status",
            details=asdict(change),
        )


def _push(change: FreezeChange, hands: EffectContext) -> FreezeTruth:
    tries = count()

    def push() -> None:
        patience = patience_ms(next(tries))
        try:
            hands.tools.operate.raise_freeze(change.level, change.epoch, patience)
        except Refused:
            raise
        except RubyopsError:
            # Held up, or unreachable: the verdict says by what, and wallet_service tries on too.
            return

    return _await_in_force(hands, push)


def _await_in_force(hands: EffectContext, push: Callable[[], None]) -> FreezeTruth:
    began, told = time.monotonic(), ""
    while True:
        found = hands.tools.freeze()
        if found.verdict.in_force:
            return found
        waited = time.monotonic() - began
        cause = found.held_up_by[0] if found.held_up_by else "nobody knows by what"
        if waited >= TOLD_SECONDS and cause != told:
            hands.progress(f"{found.verdict.sentence}, held up by {cause}")
            told = cause
        if waited >= IN_FORCE_SECONDS:
            raise TimedOut(_late(found), details=_held_up(found))
        push()
        hands.stop.wait(LOOK_SECONDS)
        hands.stop.raise_if_set()


def _late(found: FreezeTruth) -> str:
    causes = "; ".join(found.held_up_by) or "nobody knows by what"
    return (
        f"money is {found.verdict.sentence} and not confirmed within {IN_FORCE_SECONDS:g} s, held up "
        f"by: {causes}. The platform goes on trying by itself; only a person takes it back."
    )


def _held_up(found: FreezeTruth) -> dict[str, object]:
    return {"freeze": found.verdict.word, "held_up_by": list(found.held_up_by)}


def _copies(found: FreezeTruth) -> str:
    return f"{found.verdict.confirmed} of {found.verdict.counted} copies confirmed"


def _details(change: FreezeChange, found: FreezeTruth) -> dict[str, object]:
    details: dict[str, object] = {"level": change.level, "epoch": change.epoch}
    return details | ({} if found.verdict.in_force else _held_up(found))
