"""Carries out each kind of effect through the ports. The only place where a run changes anything."""

import time
from collections.abc import Callable, Mapping
from typing import TypeVar, assert_never

from rubyops.engine.freezing import lift_freeze, raise_freeze, take_over
from rubyops.engine.hands import EffectContext
from rubyops.engine.heard import HeardActor
from rubyops.engine.report import Outcome
from rubyops.errors import CheckFailed, OutcomeUnknown, Refused, RubyopsError, TimedOut
from rubyops.model import effect as e
from rubyops.model.finding import Finding
from rubyops.ports import EffectIdentity, HttpAnswer, MoveCount

OUTBOX_LOCK_TIMEOUT_MS = 500
STABLE_LOOKS = 3
LOOK_SECONDS = 0.1
PROGRESS_SECONDS = 2.0
DRAINED_CHECK = "outbox-drained"
OUTBOX = "wallet_outbox"
_CLIENT_FAULTS = range(400, 500)
T = TypeVar("T")


def carry_out(effect: e.Effect, mark: EffectIdentity, hands: EffectContext) -> Outcome:  # noqa: PLR0911, PLR0912 - one case per kind, counted by the type checker
    """Do one effect and say how it ended; raises a `RubyopsError` where it did not succeed."""
    operate = hands.tools.operate
    match effect:
        case e.StartPlatform(restart):
            operate.start_platform(mark, hands.progress, restart)
            return Outcome("ok", "every process runs", {"copies": len(hands.tools.read.copies())})
        case e.StopProcesses(processes):
            operate.stop(mark, processes)
            return Outcome("ok", f"stopped {', '.join(processes)}")
        case e.StartProcesses(processes):
            operate.start(mark, processes)
            return Outcome("ok", f"started {', '.join(processes)}")
        case e.Migrate():
            revisions = operate.migrate(mark)
            return Outcome("ok", "schema is current", dict(revisions))
        case e.SeedPlayers(count):
            created = operate.seed_players(mark, count)
            return Outcome(
                "ok" if created else "noop", f"{created:,} players created", {"created": created}
            )
        case e.RaiseFreeze():
            return raise_freeze(effect, mark, hands)
        case e.TakeOverFreeze():
            return take_over(effect, mark, hands)
        case e.LiftFreeze():
            return lift_freeze(effect, mark, hands)
        case e.EndSession(pid, started_at):
            ended = operate.end_session(pid, started_at)
            return Outcome(
                "ok" if ended else "noop", f"session {pid} " + ("ended" if ended else "was gone")
            )
        case e.WaitFor():
            return _wait_for(effect, hands)
        case e.CallService():
            return _call(effect, mark, hands)
        case e.RunFlow(flow):
            return _play(flow, mark, hands)
        case e.RunSuites(suites):
            return _run_suites(suites, hands)
        case e.ExportTables(tables):
            manifest = operate.export(mark, tables)
            return Outcome("ok", f"{len(tables)} tables in {manifest['folder']}", manifest)
        case e.ConfirmDrained(timeout_seconds):
            return _confirm_drained(timeout_seconds, mark, hands)
        case e.Backfill():
            return _backfill(effect, mark, hands)
        case e.MoveTopology(document, digest, batch_size):
            return _move(
                lambda: operate.topology_move_batch(mark, document, digest, None, batch_size), hands
            )
        case e.UndoTopologyMove(run_id, digest, batch_size):
            return _move(
                lambda: operate.topology_move_batch(mark, None, digest, run_id, batch_size), hands
            )
        case e.BeginVerification(kind):
            hands.tools.control.begin_verification(mark, kind, hands.tools.state())
            return Outcome("ok", f"{kind} begun")
        case e.RecordVerification(kind):
            hands.tools.control.pass_verification(mark, kind, hands.tools.state())
            return Outcome("ok", f"{kind} recorded for this state")
        case _:
            assert_never(effect)


def _wait_for(effect: e.WaitFor, hands: EffectContext) -> Outcome:
    def look() -> Finding | None:
        finding = hands.tools.check(effect.check)
        seen[:] = [finding]
        return finding if finding.ok else None

    seen: list[Finding] = []
    began = time.monotonic()
    finding = _until(look, effect.timeout_seconds, effect.interval_seconds, hands)
    if finding is None:
        last = seen[-1].summary if seen else "it was never looked at"
        raise TimedOut(
            f"{effect.check} did not hold within {effect.timeout_seconds:g} s: {last}",
            details=seen[-1].details if seen else None,
        )
    return Outcome("ok", finding.summary, {"seconds": round(time.monotonic() - began, 3)})


def _until(
    look: Callable[[], T | None],
    timeout_seconds: float,
    interval_seconds: float,
    hands: EffectContext,
) -> T | None:
    deadline = time.monotonic() + timeout_seconds
    while True:
        found = look()
        if found is not None:
            return found
        if time.monotonic() >= deadline:
            return None
        hands.stop.wait(interval_seconds)
        hands.stop.raise_if_set()
        hands.hold()


def _call(effect: e.CallService, mark: EffectIdentity, hands: EffectContext) -> Outcome:
    def before_each() -> None:
        hands.stop.raise_if_set()
        hands.hold()

    asked = (effect.process, effect.method, effect.path, effect.body, effect.brand_id)
    answer = hands.tools.operate.call(mark, *asked, before_each)
    where = f"{effect.method} {effect.path} on {effect.process}"
    if 200 <= answer.status < 300:
        return Outcome(
            "ok",
            f"{where} answered {answer.status}",
            {"status": answer.status, "answer": answer.body},
        )
    message = f"{where} {_said(answer)}"
    details: dict[str, object] = {"status": answer.status, "answer": answer.body}
    if answer.status in _CLIENT_FAULTS or _code(answer) is not None:
        raise Refused(message, details=details)
    raise OutcomeUnknown(
        f"{message}; whether it took effect is unknown. Its request id makes a repeat safe.",
        details=details,
    )


def _code(answer: HttpAnswer) -> str | None:
    return (
        str(answer.body["code"])
        if isinstance(answer.body, Mapping) and "code" in answer.body and answer.status == 503
        else None
    )


def _said(answer: HttpAnswer) -> str:
    if answer.status == 0:
        return f"gave no answer ({answer.error})"
    body = answer.body if isinstance(answer.body, Mapping) else {}
    return f"answered {answer.status} {body.get('code', '')}: {body.get('message', answer.body)}"


def _play(flow: str, mark: EffectIdentity, hands: EffectContext) -> Outcome:
    script = hands.tools.flow(flow)
    answer = script(HeardActor(hands.tools.operate.actor(mark, flow), hands.stop.raise_if_set))
    details = dict(answer) if isinstance(answer, Mapping) else {}
    return Outcome("ok", f"{flow} passed", details)


def _run_suites(suites: Mapping[str, tuple[str, ...]], hands: EffectContext) -> Outcome:
    def look() -> None:
        hands.stop.raise_if_set()
        hands.hold()

    began = time.monotonic()
    figures = hands.tools.operate.run_suites(suites, look)
    details: dict[str, object] = {"suites": figures, "seconds": round(time.monotonic() - began, 1)}
    broken = [
        f"{name}: {', '.join(row['failures'])}" for name, row in figures.items() if row["failures"]
    ]
    if broken:
        raise CheckFailed(
            f"{len(broken)} of {len(figures)} suites failed: {'; '.join(broken)}", details=details
        )
    return Outcome(
        "ok", "; ".join(f"{name} {row['passed']} passed" for name, row in figures.items()), details
    )


def _confirm_drained(timeout_seconds: float, mark: EffectIdentity, hands: EffectContext) -> Outcome:
    """Count under the lock first, then send the canary, then ask for several quiet looks with the canary arrived."""
    seen: list[str] = []
    canary: list[str] = []
    looks: list[int] = []

    def look() -> bool | None:
        trouble = _undrained(hands)
        if trouble is None and not canary:
            canary.append(hands.tools.operate.publish_canary(mark))
            trouble = "the canary event was just written"
        elif trouble is None and not hands.tools.operate.canary_arrived(canary[0]):
            trouble = f"canary event {canary[0]} has not come through to the consumer's inbox"
        if trouble is not None:
            seen[:] = [trouble]
            looks.clear()
            return None
        looks.append(1)
        return True if len(looks) >= STABLE_LOOKS else None

    began = time.monotonic()
    if _until(look, timeout_seconds, LOOK_SECONDS, hands) is None:
        raise TimedOut(
            f"not drained within {timeout_seconds:g} s: {seen[-1] if seen else 'it was not quiet for long enough'}"
        )
    seconds = round(time.monotonic() - began, 3)
    return Outcome(
        "ok",
        f"drained: 0 unpublished under the table lock, canary event through, {STABLE_LOOKS} quiet looks",
        {"canary": canary[0], "seconds": seconds},
    )


def _undrained(hands: EffectContext) -> str | None:
    left = hands.tools.operate.count_unpublished(OUTBOX_LOCK_TIMEOUT_MS)
    if left is None:
        held = hands.tools.holding(OUTBOX)
        return (
            f"the outbox is held by {held[0]}"
            if held
            else "the outbox is held by nobody that can be seen"
        )
    if left:
        return f"{left} events are unpublished"
    finding = hands.tools.check(DRAINED_CHECK)
    return None if finding.ok else finding.summary


def _backfill(effect: e.Backfill, mark: EffectIdentity, hands: EffectContext) -> Outcome:
    told = time.monotonic()
    while True:
        hands.stop.raise_if_set()
        hands.hold()
        count = hands.tools.operate.backfill_batch(mark, effect.tenant_id, effect.batch_size)
        if count.last_key is None:
            break
        if time.monotonic() - told >= PROGRESS_SECONDS:
            told = time.monotonic()
            hands.progress(f"{count.scanned:,} scanned, {count.created:,} created")
    figures = {
        "scanned": count.scanned,
        "created": count.created,
        "skipped_exists": count.skipped_exists,
        "updated_forced": 0,
        "errors": count.errors,
    }
    words = " · ".join(f"{name} {value:,}" for name, value in figures.items())
    if count.errors:
        raise RubyopsError(
            f"{words}; the rows that could not be converted exactly are listed in wallet.backfill_error, the rest stays",
            details=dict(figures),
        )
    return Outcome("ok", words, dict(figures))


def _move(batch: Callable[[], MoveCount], hands: EffectContext) -> Outcome:
    told = time.monotonic()
    while True:
        hands.stop.raise_if_set()
        hands.hold()
        count = batch()
        if count.finished:
            break
        if time.monotonic() - told >= PROGRESS_SECONDS:
            told = time.monotonic()
            hands.progress(f"{count.scanned:,} players scanned, {count.players:,} moved")
    figures = {
        "scanned": count.scanned,
        "players": count.players,
        "legs": count.legs,
        "referring": count.referring,
    }
    words = f"{count.legs:,} buckets and {count.referring:,} grants, bonuses and rollings of {count.players:,} players moved"
    return Outcome(
        "ok" if count.players else "noop", words, {**figures, "money": list(count.money)}
    )
