"""Prove that no event is left between a money transaction and its consumers."""

import time
from dataclasses import dataclass, field
from typing import Protocol

from rubyops.effects.base import Effect, EffectContext, Outcome, Traits
from rubyops.errors import TimedOut
from rubyops.ports import EffectIdentity

OUTBOX_LOCK_TIMEOUT_MS = 500
QUIET_POLLS = 3
POLL_SECONDS = 0.1
DRAINED_CHECK = "outbox-drained"


class DrainPort(Protocol):
    """Counts the events in the outbox, and sends a canary event through it."""

    def count_unpublished(self, lock_timeout_ms: int) -> int | None:
        """Count unpublished events while a table lock keeps out every writer.

        Returns None if the lock was not free in time.
        """

    def holders(self) -> tuple[str, ...]:
        """Return a text for each session that has a lock on the outbox."""

    def publish_canary(self, identity: EffectIdentity) -> str:
        """Write this effect's canary event to the outbox, once, and return the event's id."""

    def canary_arrived(self, event_id: str) -> bool:
        """Whether the canary event is in the inbox of every consumer."""


@dataclass(frozen=True)
class ConfirmDrained(Effect[DrainPort]):
    """Prove that no event is unpublished, and that every consumer has read all events.

    A canary event must also arrive at the consumer, and several polls in a row must succeed.
    """

    timeout_seconds: float

    traits = Traits(mild=True)

    def describe(self) -> str:
        """Name the proof and the longest wait."""
        proof = "prove that no event is left and a canary event gets through"
        return f"{proof}, at most {self.timeout_seconds:g} s"

    def carry_out(self, port: DrainPort, context: EffectContext) -> Outcome:
        """Poll until the proof succeeds. Raises `TimedOut` with the last obstacle."""
        watch = _Watch(port, context)
        began = time.monotonic()
        if context.poll(watch.poll, self.timeout_seconds, POLL_SECONDS) is None:
            raise TimedOut(f"not drained within {self.timeout_seconds:g} s: {watch.trouble}")
        seconds = round(time.monotonic() - began, 3)
        return Outcome(
            "ok",
            "drained: 0 unpublished under the table lock, canary event through, "
            f"{QUIET_POLLS} quiet looks",
            {"canary": watch.canary, "seconds": seconds},
        )


@dataclass
class _Watch:
    """Counts successful polls: the outbox is empty, and the canary event was sent and arrived."""

    port: DrainPort
    context: EffectContext
    canary: str | None = None
    quiet: int = 0
    trouble: str = field(default="it was not quiet for long enough")

    def poll(self) -> bool | None:
        trouble = self._undrained() or self._unarrived()
        if trouble is None:
            self.quiet += 1
            return True if self.quiet >= QUIET_POLLS else None
        self.trouble, self.quiet = trouble, 0
        return None

    def _undrained(self) -> str | None:
        left = self.port.count_unpublished(OUTBOX_LOCK_TIMEOUT_MS)
        if left is None:
            held = self.port.holders()
            return f"the outbox is held by {held[0] if held else 'nobody that can be seen'}"
        if left:
            return f"{left} events are unpublished"
        finding = self.context.check(DRAINED_CHECK)
        return None if finding.ok else finding.summary

    def _unarrived(self) -> str | None:
        if self.canary is None:
            self.canary = self.port.publish_canary(self.context.identity)
            return "the canary event was just written"
        if self.port.canary_arrived(self.canary):
            return None
        return f"canary event {self.canary} has not come through to the consumer's inbox"
